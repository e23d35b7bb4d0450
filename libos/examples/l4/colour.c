/*
 * A page-colouring pager: physical pages of the same colour share sets of a cache that is indexed
 * by physical addresses, so who gets pages of other colours cannot push one's data out of it. The
 * pager has pages from sigma0, sorts them by colour, and serves a real-time task from the first
 * quarter and a time-sharing one from the rest; what is the tasks' data is chosen by address.
 */
#include "libos/examples/l4/example.h"

#include <l4/sigma0.h>

#define COLOURS   16u /* of a cache of 16 pages a way */
#define REAL_TIME 4u  /* colours of the real-time task */
#define PAGES     256u
#define POOL_LOG2 20u
#define DATA      ((L4_Word_t)0x720020000000) /* in each task's space  */
#define POOL      ((L4_Word_t)0x720030000000) /* in the root's: where sigma0's pages arrive */
#define N         64u                         /* of the matrices */
#define FLOOD     96u                         /* pages that the other task fills */

struct page {
    L4_Word_t physical;
    L4_Bool_t used;
};

static struct page pool[PAGES];
static unsigned given[2][COLOURS]; /* pages by task and colour */
static L4_ThreadId_t root, tasks[2];

/* ---- The tasks. Their results are words of their last message. ---- */

static void report(L4_Word_t result)
{
    L4_LoadMR(1, result);
    L4_Set_MsgTag(L4_MsgTagMake(1, 1, 0));
    L4_Call(root);
    for (;;)
        L4_Sleep(L4_Never);
}

/* Multiplies two matrices of 64 times 64 words. */
static void real_time(void)
{
    L4_Word_t(*a)[N] = (L4_Word_t(*)[N])DATA, (*b)[N] = a + N, (*c)[N] = b + N, trace = 0;

    for (unsigned i = 0; i < N; i++)
        for (unsigned j = 0; j < N; j++) {
            a[i][j] = i + j;
            b[i][j] = i == j ? 3 : 0;
        }
    for (unsigned i = 0; i < N; i++)
        for (unsigned j = 0; j < N; j++) {
            L4_Word_t sum = 0;
            for (unsigned k = 0; k < N; k++)
                sum += a[i][k] * b[k][j];
            c[i][j] = sum;
        }
    for (unsigned i = 0; i < N; i++)
        trace += c[i][i];
    report(trace);
}

/* Fills many pages, as work does that has no deadline. */
static void time_sharing(void)
{
    volatile L4_Word_t *data = (volatile L4_Word_t *)DATA;
    L4_Word_t sum = 0;

    for (unsigned page = 0; page < FLOOD; page++)
        data[page * PAGE / sizeof *data] = page;
    for (unsigned page = 0; page < FLOOD; page++)
        sum += data[page * PAGE / sizeof *data];
    report(sum);
}

/* ---- The pager. ---- */

static unsigned colour_of(L4_Word_t physical)
{
    return (unsigned)(physical >> PAGE_LOG2) % COLOURS;
}

/* A megabyte in one piece, which has pages of every colour. */
static void fill_pool(void)
{
    L4_Fpage_t got = L4_Sigma0_GetAny(L4_nilthread, POOL_LOG2, L4_FpageLog2(POOL, POOL_LOG2));

    if (L4_IsNilFpage(got))
        fail("memory of sigma0");
    for (unsigned i = 0; i < PAGES; i++)
        pool[i].physical = L4_Address(got) + i * PAGE;
}

/* A free page of the task's colours, in the root's space; of each colour in turn. */
static L4_Word_t take_page(unsigned task)
{
    unsigned first = task ? REAL_TIME : 0, count = task ? COLOURS - REAL_TIME : REAL_TIME;
    static unsigned next[2];

    for (unsigned turn = 0; turn < count; turn++) {
        unsigned colour = first + next[task]++ % count;
        for (unsigned i = 0; i < PAGES; i++)
            if (!pool[i].used && colour_of(pool[i].physical) == colour) {
                pool[i].used = 1;
                given[task][colour]++;
                return POOL + i * PAGE;
            }
    }
    fail("no page of the task's colours is left");
}

static void serve_fault(L4_ThreadId_t from, L4_Word_t address)
{
    if (address >= DATA && address < DATA + PAGES * PAGE)
        load_map(take_page(from.raw == tasks[1].raw), address, PAGE_LOG2, L4_ReadWriteOnly);
    else
        load_map(address, address, PAGE_LOG2, L4_FullyAccessible);
}

static void show(unsigned task, const char *name)
{
    unsigned pages = 0, lowest = COLOURS, highest = 0;

    for (unsigned i = 0; i < COLOURS; i++) {
        pages += given[task][i];
        if (given[task][i] && lowest == COLOURS)
            lowest = i;
        if (given[task][i])
            highest = i;
    }
    say("colour: %s: %u pages, of colours %u to %u", name, pages, lowest, highest);
}

int example(void)
{
    L4_Word_t result[2] = {0, 0};
    L4_ThreadId_t from;

    root = L4_Myself();
    fill_pool();
    for (unsigned i = 0; i < 2; i++)
        tasks[i] = make_task(root);
    begin_task(tasks[0], real_time);
    begin_task(tasks[1], time_sharing);
    L4_MsgTag_t tag = L4_Wait(&from);
    while (!result[0] || !result[1]) {
        if (!is_page_fault(tag)) {
            result[from.raw == tasks[1].raw] = L4_Utcb()[1];
            if (!result[0] || !result[1])
                tag = L4_Wait(&from);
            continue;
        }
        serve_fault(from, L4_Utcb()[1]);
        tag = L4_ReplyWait(from, &from);
    }
    show(0, "real-time task");
    show(1, "time-sharing task");
    L4_Bool_t good = result[0] == 3 * N * (N - 1) && result[1] == FLOOD * (FLOOD - 1) / 2;
    say("colour: both results are %s", good ? "right" : "wrong");
    return good ? 0 : 1;
}
