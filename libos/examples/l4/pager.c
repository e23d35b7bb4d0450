/*
 * A pager with demand paging: its client has sixteen pages of data and the pager four frames for
 * them. A page fault gets the page a frame, which another page leaves if it must, the one that was
 * not used for longest by the status bits of the mapping; contents that were written go to a
 * backing store, which is an array here.
 */
#include "libos/examples/l4/example.h"

#define PAGES  16u
#define FRAMES 4u
#define ROUNDS 3u
#define WORDS  (PAGE / sizeof(L4_Word_t))
#define DATA   ((L4_Word_t)0x720020000000) /* in the client's space */
#define NOBODY PAGES

static L4_Word_t frames[FRAMES][WORDS] __attribute__((aligned(4096)));
static L4_Word_t store[PAGES][WORDS];

static struct {
    unsigned page; /* of the client's; NOBODY: free */
    unsigned age;  /* faults since it was used      */
    L4_Bool_t written;
} state[FRAMES];

static unsigned faults, outs;
static L4_ThreadId_t pager;

/* ---- The client: it counts in all of its pages, more than once. ---- */

static void client(void)
{
    volatile L4_Word_t *data = (volatile L4_Word_t *)DATA;
    L4_Word_t sum = 0;

    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned page = 0; page < PAGES; page++)
            data[page * WORDS] += page;
    for (unsigned page = 0; page < PAGES; page++)
        sum += data[page * WORDS];
    L4_LoadMR(1, sum);
    L4_Set_MsgTag(L4_MsgTagMake(1, 1, 0));
    L4_Call(pager);
    for (;;)
        L4_Sleep(L4_Never);
}

/* ---- The pager. ---- */

static L4_Fpage_t frame_page(unsigned frame)
{
    return L4_FpageLog2((L4_Word_t)frames[frame], PAGE_LOG2);
}

static void copy_page(L4_Word_t *to, const L4_Word_t *from)
{
    for (unsigned i = 0; i < WORDS; i++)
        to[i] = from[i];
}

/* What was used since the last time, of all frames. */
static void look(void)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        L4_Fpage_t used = L4_GetStatus(frame_page(i));
        state[i].age = L4_WasReferenced(used) ? 0 : state[i].age + 1;
        state[i].written |= L4_WasWritten(used);
    }
}

/* A frame that no page is in; one goes out for it when there is none. */
static unsigned free_frame(void)
{
    unsigned oldest = 0;

    for (unsigned i = 0; i < FRAMES; i++) {
        if (state[i].page == NOBODY)
            return i;
        if (state[i].age > state[oldest].age)
            oldest = i;
    }
    L4_Fpage_t all = L4_FpageAddRights(frame_page(oldest), L4_FullyAccessible);
    if (L4_WasWritten(L4_UnmapFpage(all)) || state[oldest].written)
        copy_page(store[state[oldest].page], frames[oldest]);
    state[oldest].page = NOBODY;
    outs++;
    return oldest;
}

static void serve_data(unsigned page)
{
    look();
    unsigned frame = free_frame();
    copy_page(frames[frame], store[page]);
    state[frame].page = page;
    state[frame].age = 0;
    state[frame].written = 0;
    load_map((L4_Word_t)frames[frame], DATA + page * PAGE, PAGE_LOG2, L4_ReadWriteOnly);
    faults++;
}

/* The client's data is paged; the rest of what it touches is the program, which all share. */
static void serve_fault(L4_Word_t address)
{
    if (address - DATA < PAGES * PAGE)
        serve_data((unsigned)((address - DATA) >> PAGE_LOG2));
    else
        load_map(address, address, PAGE_LOG2, L4_FullyAccessible);
}

int example(void)
{
    const L4_Word_t right = ROUNDS * PAGES * (PAGES - 1) / 2;

    pager = L4_Myself();
    for (unsigned i = 0; i < FRAMES; i++)
        state[i].page = NOBODY;
    L4_ThreadId_t t = start_task(client, pager);
    L4_MsgTag_t tag = L4_Receive(t);
    while (is_page_fault(tag)) {
        serve_fault(L4_Utcb()[1]);
        tag = L4_Call(t);
    }
    L4_Word_t sum = L4_Utcb()[1];
    say("pager: %u pages in %u frames: %u faults, %u pages left for another", PAGES, FRAMES, faults,
        outs);
    say("pager: the client's sum is %lu: %s", sum, sum == right ? "right" : "wrong");
    return L4_IpcSucceeded(tag) && sum == right && outs ? 0 : 1;
}
