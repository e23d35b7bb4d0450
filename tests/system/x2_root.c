/*
 * An L4 root task as one built for L4Ka::Pistachio on amd64 is: it knows the binary interface by
 * the reference's sections 2 and 7 to 9, brings its own first instructions and stack, is linked
 * low, and prints by port 0x3f8. It tests what it finds, prints TAP, and ends the machine by port
 * 0xf4.
 */
#include "x2_root.h"

word kip;
static word tests, failures, sigma0, self, user_base;

static void put(char c)
{
    while (!(in8(0x3fd) & 0x20))
        ;
    out8(0x3f8, (byte)c);
}

static void print(const char *text)
{
    for (; *text; text++)
        put(*text);
}

static void print_hex(word value)
{
    print("0x");
    for (int i = 60; i >= 0; i -= 4)
        put("0123456789abcdef"[value >> i & 15]);
}

static void print_number(word value)
{
    if (value > 9)
        print_number(value / 10);
    put((char)('0' + value % 10));
}

static void ok(int good, const char *what)
{
    print(good ? "ok " : "not ok ");
    print_number(++tests);
    print(" - ");
    print(what);
    print("\n");
    failures += !good;
}

static void equal(word got, word wanted, const char *what)
{
    ok(got == wanted, what);
    if (got != wanted) {
        print("# got ");
        print_hex(got);
        print(", wanted ");
        print_hex(wanted);
        print("\n");
    }
}

static int same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* Interface page ------------------------------------------------------------------------- */

static void kernel_interface(void)
{
    word base, version, flags, kernel, same_base = 1;

    for (int i = 0; i < ROUNDS; i++) {
        __asm__ volatile("lock; nop" : "=a"(base), "=c"(version), "=d"(flags), "=S"(kernel));
        if (kip && base != kip)
            same_base = 0;
        kip = base;
    }
    ok(same_base, "lock; nop gives one address each time");
    equal(kip, 0xbff00000, "the interface page is where Pistachio's is");
    equal(kip_word(0) & 0xffffffff, 0x4be6344c, "magic");
    equal(version, kip_word(KIP_API_VERSION), "ApiVersion by register and by page");
    equal(version >> 24, 0x84, "which is X.2's");
    equal(flags, 4, "ApiFlags: 64 bits, little endian");
    equal(kip_word(KIP_API_FLAGS), 4, "in the page, too");
    equal(kernel, *(word *)(kip + kip_word(KIP_KERNEL)), "KernelId by register and by page");
}

static void kernel_description(void)
{
    const char *text = (const char *)kip + kip_word(KIP_KERNEL) + 4 * 8;
    const word date = *(word *)(kip + kip_word(KIP_KERNEL) + 8);
    int has_ports = 0;

    ok((date & 31) >= 1 && (date >> 5 & 15) >= 1 && (date >> 5 & 15) <= 12, "KernelGenDate is one");
    ok(*text, "there is a version text");
    for (;;) {
        while (*text++)
            ;
        if (!*text)
            break;
        has_ports |= same(text, "ioflexpages");
    }
    ok(has_ports, "the feature ioflexpages is named");
}

static void numbers(void)
{
    const word utcb_info = kip_word(KIP_UTCB), threads = kip_word(KIP_THREADS);
    const word size = (utcb_info & 1023) << (utcb_info >> 10 & 63);

    ok(size >= 1024 && (size & (size - 1)) == 0, "UtcbInfo: a UTCB's size");
    ok((1ul << (utcb_info >> 16 & 63)) >= size, "UtcbInfo: the least area holds one");
    equal(kip_word(KIP_AREA) & 63, 12, "KipAreaInfo: a page");
    user_base = threads >> 20 & 0xfff;
    ok((threads >> 8 & 0xfff) >= 16 && user_base > (threads >> 8 & 0xfff), "ThreadInfo: the bases");
    ok((threads & 0xff) > 6 && (1ul << (threads & 0xff)) > user_base, "ThreadInfo: bits");
    ok(kip_word(KIP_PAGES) >> 10 << 10 & 0x201000, "PageInfo: 4 KiB and 2 MiB");
    equal(kip_word(KIP_PAGES) & 7, 7, "PageInfo: rwx");
    ok((kip_word(KIP_PROCESSORS) & 0xffff) < 255, "ProcessorInfo: processors");
    const word bytes = 1ul << (kip_word(KIP_PROCESSORS) >> 60);
    equal(bytes, 32, "ProcessorInfo: four words each");
    ok(((word *)(kip + kip_word(KIP_PROC)))[1] > 1000, "a processor's frequency");
    ok((kip_word(KIP_CLOCK) & 0xffff) && (kip_word(KIP_CLOCK) >> 16 & 0xffff), "ClockInfo");
    int links = 1;
    for (word at = KIP_SPACE_CONTROL; at <= KIP_SCHEDULE; at += 8)
        links &= kip_word(at) != 0;
    ok(links, "all eleven links");
    ok(kip_word(KIP_ROOT + 8) >= kip_word(KIP_ROOT + 16) &&
           kip_word(KIP_ROOT + 24) >= (word)image_end,
       "the root server's words are about this program");
}

/* Returns the middle of some conventional memory, a multiple of 2 MiB. */
static word memory(void)
{
    const word count = kip_word(KIP_MEMORY) & 0xffffffff, at = kip + (kip_word(KIP_MEMORY) >> 32);
    word conventional = 0, dedicated = 0, bad = 0;

    for (word i = 0; i < count; i++) {
        const word low = ((word *)at)[2 * i], high = ((word *)at)[2 * i + 1];
        bad += (low & ~0x3fful) >= (high | 0x3ff);
        if ((low & 15) == 1 && (high | 0x3ff) - low > 24ul << 20)
            conventional = (low & ~0x3fful) + (16ul << 20);
        dedicated |= (low & 15) == 3 && (low & ~0x3fful) <= 0xb8000 && (high | 0x3ff) >= 0xb8fff;
    }
    ok(count > 1 && !bad, "memory descriptors are ranges");
    ok(conventional, "one is conventional memory");
    ok(dedicated, "the display's is dedicated");
    return conventional & ~0x1ffffful;
}

/* This thread ---------------------------------------------------------------------------- */

static void thread_registers(void)
{
    volatile word *u = utcb();
    struct exregs x = {.id = (word)u, .control = 0};

    sigma0 = user_base << 32 | 1;
    self = (user_base + 2) << 32 | 1;
    equal((word)u & 63, 0, "the local ID's low bits");
    equal(u[TCR_ID], self, "the root task's ID");
    equal(u[TCR_PAGER], sigma0, "its pager is sigma0");
    equal(u[TCR_PROCESSOR], 0, "its processor");
    exregs(&x);
    equal(x.id, self, "local to global ID");
    x = (struct exregs){.id = self, .control = 1 << 6, .handle = 0x5eed};
    exregs(&x);
    equal(x.id, (word)u, "global to local ID");
    equal(u[TCR_HANDLE], 0x5eed, "UserDefinedHandle set by ExchangeRegisters");
    x = (struct exregs){.id = user_base << 32 | 77};
    exregs(&x);
    equal(x.id, NIL, "no thread of this space");
    equal(u[TCR_ERROR], 2, "error 2");
}

static void clocks(void)
{
    word rdx = 0, first = call(KIP_SYSTEM_CLOCK, 0, 0, &rdx, 0, 0);
    struct message m = {{0}};
    word from = ipc(NIL, self, MILLISECOND, &m);

    ok(m.mr[0] & TAG_ERROR && from == NIL, "waiting for oneself ends");
    equal(utcb()[TCR_ERROR], 1 << 1 | 1, "by a timeout of the receive phase");
    ok(call(KIP_SYSTEM_CLOCK, 0, 0, &rdx, 0, 0) >= first + 900, "a millisecond later");
    call(KIP_THREAD_SWITCH, NIL, 0, &rdx, 0, 0);
    ok(1, "ThreadSwitch comes back");
}

/* sigma0 --------------------------------------------------------------------------------- */

static word ask(word fpage, word attributes, word window, struct message *m)
{
    utcb()[TCR_BR0] = window;
    *m = (struct message){{TAG(LABEL(-6), 2, 0), fpage, attributes}};
    return ipc(sigma0, sigma0, NEVER << 16 | NEVER, m);
}

static void pages(word conventional)
{
    struct message m;
    word from = ask(FPAGE(~0x3fful, 12), 0, COMPLETE, &m);

    equal(from, sigma0, "sigma0 answers");
    ok(TAG_T(m.mr[0]) == 2 && TAG_U(m.mr[0]) == 0 && (m.mr[1] & 15) == MAP_ITEM, "with a map item");
    const word any = m.mr[2] & ~0x3fful;
    ok(any && (m.mr[2] >> 4 & 63) == 12, "any page");
    *(volatile word *)any = 0x1234;
    equal(*(volatile word *)any, 0x1234, "which is at its physical address");
    ask(FPAGE(any, 12), 0, COMPLETE, &m);
    equal(m.mr[2], 0, "it is not given again");
    ask(FPAGE(conventional, 21), 0, COMPLETE, &m);
    equal(m.mr[2] & ~0x3fful, conventional, "2 MiB by address");
    *(volatile word *)(conventional + 0x1ff000) = 1;
    *(volatile word *)(conventional + 0x400000) = 2;
    equal(*(volatile word *)(conventional + 0x400000), 2, "a page fault brings a page");
    equal(unmap(FPAGE(conventional + 0x400000, 12), 0) & RW, RW, "Unmap tells that it was used");
    unmap(FPAGE(any, 12) | RWX, 1);
    m = (struct message){{TAG(LABEL(-6), 1, 0), 0}};
    ipc(sigma0, sigma0, MILLISECOND, &m);
    ok(m.mr[0] & TAG_ERROR && utcb()[TCR_ERROR] == (1 << 1 | 1), "no answer to what is no request");
}

static void boot_information(void)
{
    const word *info = (const word *)kip_word(KIP_BOOT);
    word modules = 0, tasks = 0, start = 0, size = 0;

    if (!info || info[0] != 0x14b0021d || info[1] != 1) {
        ok(0, "boot information");
        return;
    }
    const char *line = "", *task_line = "";
    const word *record = (const word *)((word)info + info[3]);
    for (word i = 0; i < info[4]; i++) {
        if (record[0] == 1 && ++modules == 2) {
            start = record[3];
            size = record[4];
            line = (const char *)record + record[5];
        }
        if (record[0] == 2) {
            tasks++;
            task_line = (const char *)record + record[15];
        }
        record = (const word *)((word)record + record[2]);
    }
    ok(modules == 2 && tasks == 1, "boot information: two modules and the root task");
    ok((start & 0xfff) == 0 && size == 9 && same((const char *)start, "a module\n"),
       "a module's text");
    while (*line && *line != ' ')
        line++;
    ok(same(line, " with words"), "its command line");
    while (*task_line && *task_line != ' ')
        task_line++;
    ok(same(task_line, " one two"), "the root task's");
    *(volatile char *)start = 'A';
    equal(*(volatile char *)start, 'A', "a module can be written to");
}

static void display(void)
{
    struct message m;

    ask(FPAGE(0xb8000, 12), 0, COMPLETE, &m);
    equal(m.mr[2] & ~0x3fful, 0xb8000, "the display's memory by address");
    *(volatile unsigned short *)0xb8000 = 0x0741;
    ok(1, "can be written to");
}

static word id(word number)
{
    return (user_base + number) << 32 | 1;
}

static void ports(void)
{
    struct message m = {{TAG(LABEL(-6), 2, 0), IO_FPAGE(0x3f8, 3), 0}};

    utcb()[TCR_BR0] = IO_FPAGE(0, 16);
    equal(ipc(id(1), id(1), NEVER << 16 | NEVER, &m), id(1), "sigma1 answers");
    ok(TAG_T(m.mr[0]) == 2 && m.mr[2] >> 4 == IO_FPAGE(0x3f8, 3) >> 4, "with the ports asked for");
    out8(0x3ff, 0x5a);
    equal(in8(0x3ff), 0x5a, "a register among them keeps what is written to it");
    ask(IO_FPAGE(0xcf8, 3), 0, IO_FPAGE(0, 16), &m);
    equal(m.mr[2], 0, "by sigma0 ports are given, too, but for the kernel's");
}

/* Every width and form, at the serial port's scratch register, 0x3ff, and those before it. */
static void instructions(word conventional)
{
    volatile byte *memory = (volatile byte *)conventional + 0x500000; /* nothing is there yet */
    word value = 0, to = (word)memory + 0xffe, many = 3;

    out8(0x3ff, 0x5a);
    __asm__ volatile("inw %%dx, %%ax" : "+a"(value) : "d"(0x3fe));
    equal(value >> 8, 0x5a, "inw");
    __asm__ volatile("inl %%dx, %%eax" : "=a"(value) : "d"(0x3fc));
    equal(value >> 24, 0x5a, "inl");
    __asm__ volatile("outw %%ax, %%dx" : : "a"(0x6b00), "d"(0x3fe));
    equal(in8(0x3ff), 0x6b, "outw");
    __asm__ volatile("outb %%al, $0x80" : : "a"(1));
    __asm__ volatile("cld; rep insb" : "+D"(to), "+c"(many) : "d"(0x3ff) : "memory");
    ok(many == 0 && to == (word)memory + 0x1001, "rep insb to pages that the pager has to bring");
    ok(memory[0xffe] == 0x6b && memory[0x1000] == 0x6b && !memory[0x1001], "wrote what it read");
    static const char text[] = "ok ";
    to = (word)text;
    many = 3;
    while (!(in8(0x3fd) & 0x40))
        ;
    __asm__ volatile("rep outsb" : "+S"(to), "+c"(many) : "d"(0x3f8), "m"(text));
    print_number(++tests);
    print(" - rep outsb wrote the first word of this line\n");
    /* An instruction that lies in two pages. */
    static const byte code[] = {0x66, 0xed, 0xc3};
    for (word i = 0; i < sizeof code; i++)
        memory[0xfff + i] = code[i];
    value = 0;
    __asm__ volatile("call *%1" : "+a"(value) : "r"(memory + 0xfff), "d"(0x3fe) : "memory");
    equal(value >> 8, 0x6b, "an instruction that lies in two pages");
}

/* Another thread, and another task ---------------------------------------------------------- */

void second_main(void)
{
    struct message m = {{0}};
    word from = ipc(NIL, ANY_LOCAL, NEVER, &m);

    for (;;) {
        m.mr[1] += 1;
        m.mr[2] = from;
        from = ipc(from, ANY_LOCAL, NEVER << 16 | NEVER, &m);
    }
}

static word start(word thread, word ip, word sp)
{
    struct message m = {{TAG(0, 2, 0), ip, sp}};

    ipc(thread, NIL, NEVER, &m);
    return m.mr[0] & TAG_ERROR;
}

static void second_thread(void)
{
    const word place = ((word)utcb() & ~0xffful) + 0x1000, local = place + 0x200;
    word rdx = self;

    equal(call(KIP_THREAD_CONTROL, id(10), self, &rdx, self, place), 1, "a thread of this space");
    equal(start(id(10), (word)second_entry, (word)second_stack), 0, "it is started");
    struct message m = {{TAG(5, 7, 0), 100, 0, 3, 4, 5, 6, 7}};
    word from = ipc(local, local, NEVER << 16 | NEVER, &m);
    equal(from, local, "it answers by its local ID");
    equal(m.mr[0], TAG(5, 7, 0), "the tag");
    ok(m.mr[1] == 101 && m.mr[2] == (word)utcb() && m.mr[7] == 7, "and the words");
    rdx = 0;
    equal(call(KIP_THREAD_CONTROL, id(10), NIL, &rdx, NIL, ~0ul), 1, "it is deleted");
    m.mr[0] = 0;
    ipc(id(10), NIL, NEVER, &m);
    ok(m.mr[0] & TAG_ERROR && utcb()[TCR_ERROR] == 2 << 1, "and there is nobody any more");
}

/* The other task: it asks its pager for all that it touches, ports too. Stack, text and KIP as
 * here. */
void task_main(void)
{
    struct message m = {{TAG(0x77, 2, 0), utcb()[TCR_ID], 42}};
    const word pager = utcb()[TCR_PAGER];

    ipc(pager, pager, NEVER << 16 | NEVER, &m);
    out8(0x3ff, (byte)m.mr[1]); /* the scratch register of the serial port */
    m = (struct message){{TAG(0x78, 1, 0), in8(0x3ff)}};
    for (;;)
        ipc(pager, pager, NEVER << 16 | NEVER, &m);
}

struct seen {
    word pages, ports, words, scratch;
};

/* Answers one message of the task. Returns 0 when it has said what it had to. */
static int serve(struct message *m, struct seen *s)
{
    if (TAG_LABEL(m->mr[0]) >> 4 == LABEL(-2) >> 4) {
        const word page = m->mr[1] & ~0xffful;
        s->pages++;
        *m = (struct message){{TAG(0, 0, 2), page | MAP_ITEM, FPAGE(page, 12) | RWX}};
    } else if (TAG_LABEL(m->mr[0]) >> 4 == LABEL(-8) >> 4) {
        s->ports += m->mr[1] >> 16 == 0x3ff && (m->mr[1] >> 4 & 63) == 2;
        *m = (struct message){{TAG(0, 0, 2), MAP_ITEM, IO_FPAGE(0x3f8, 3) | RW}};
    } else if (TAG_LABEL(m->mr[0]) == 0x77) {
        s->words += TAG_U(m->mr[0]) == 2 && m->mr[1] == id(11) && m->mr[2] == 42;
        *m = (struct message){{TAG(0, 1, 0), 0xa5}};
    } else {
        s->scratch = m->mr[1];
        return 0;
    }
    return 1;
}

static void other_task(void)
{
    const word kip_area = FPAGE(0xbff00000, 12), utcb_area = FPAGE(0xbf000000, 16);
    struct seen s = {0};
    word rdx = self;

    equal(call(KIP_THREAD_CONTROL, id(11), NIL, &rdx, id(11), ~0ul), 1,
          "a task: its inactive thread");
    rdx = kip_area;
    equal(call(KIP_SPACE_CONTROL, id(11), 0, &rdx, utcb_area, NIL), 1, "its areas");
    rdx = self;
    equal(call(KIP_THREAD_CONTROL, id(11), self, &rdx, id(11), 0xbf000000), 1, "it is activated");
    equal(start(id(11), (word)task_entry, (word)task_stack), 0, "and started");
    struct message m = {{0}};
    word from = ipc(NIL, id(11), NEVER, &m);
    while (serve(&m, &s))
        from = ipc(id(11), id(11), NEVER << 16 | NEVER, &m);
    equal(from, id(11), "from it comes its global ID");
    ok(s.pages >= 2, "its page faults are messages");
    equal(s.ports, 1, "its first access to a port is one, and it has all eight then");
    equal(s.words, 1, "its message");
    equal(s.scratch, 0xa5, "what it wrote to the port it read there");
    rdx = 0;
    equal(call(KIP_THREAD_CONTROL, id(11), NIL, &rdx, NIL, ~0ul), 1, "it is deleted");
}

/* ---------------------------------------------------------------------------------------- */

void root_main(void)
{
    kernel_interface();
    kernel_description();
    numbers();
    const word conventional = memory();
    thread_registers();
    clocks();
    pages(conventional);
    boot_information();
    display();
    ports();
    instructions(conventional);
    second_thread();
    other_task();
    print("1..");
    print_number(tests);
    print("\n");
    while (!(in8(0x3fd) & 0x40))
        ;
    out8(0xf4, failures ? 1 : 0);
}
