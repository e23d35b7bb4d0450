/*
 * Reads clocks by the C library and, as runtimes without one do, by the vDSO's own tables; and says
 * whether both agree with the calls.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <link.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int wrong;

static void expect(int good, const char *what)
{
    if (!good) {
        printf("wrong: %s\n", what);
        wrong++;
    }
}

/* A symbol of the version LINUX_2.6, found without a hash, as by the tables alone. */
static void *find(const char *name)
{
    const ElfW(Ehdr) *base = (const void *)getauxval(AT_SYSINFO_EHDR);
    const ElfW(Phdr) *h = (const void *)((const char *)base + base->e_phoff);
    const ElfW(Dyn) *dynamic = NULL;
    uintptr_t bias = 0, tables[DT_NUM] = {0}, versions = 0, defined = 0;

    for (int i = base->e_phnum - 1; i >= 0; i--) {
        if (h[i].p_type == PT_LOAD)
            bias = (uintptr_t)base + h[i].p_offset - h[i].p_vaddr;
        if (h[i].p_type == PT_DYNAMIC)
            dynamic = (const void *)((const char *)base + h[i].p_offset);
    }
    for (; dynamic && dynamic->d_tag; dynamic++) {
        if (dynamic->d_tag < DT_NUM)
            tables[dynamic->d_tag] = bias + dynamic->d_un.d_ptr;
        else if (dynamic->d_tag == DT_VERSYM)
            versions = bias + dynamic->d_un.d_ptr;
        else if (dynamic->d_tag == DT_VERDEF)
            defined = bias + dynamic->d_un.d_ptr;
    }
    if (!tables[DT_HASH] || !versions || !defined)
        return NULL;
    const ElfW(Sym) *symbols = (const void *)tables[DT_SYMTAB];
    const char *strings = (const void *)tables[DT_STRTAB];
    for (uint32_t i = 1; i < ((const uint32_t *)tables[DT_HASH])[1]; i++) {
        const ElfW(Verdef) *v = (const void *)defined;
        while (v->vd_ndx != (((const uint16_t *)versions)[i] & 0x7fff) && v->vd_next)
            v = (const void *)((const char *)v + v->vd_next);
        const ElfW(Verdaux) *a = (const void *)((const char *)v + v->vd_aux);
        if (!strcmp(strings + symbols[i].st_name, name) &&
            ELF64_ST_TYPE(symbols[i].st_info) == STT_FUNC &&
            ELF64_ST_BIND(symbols[i].st_info) == STB_GLOBAL && symbols[i].st_shndx &&
            !strcmp(strings + a->vda_name, "LINUX_2.6"))
            return (void *)(bias + symbols[i].st_value);
    }
    return NULL;
}

static long long ns_of(const struct timespec *t)
{
    return t->tv_sec * 1000000000LL + t->tv_nsec;
}

static long long called(int clock)
{
    struct timespec t = {-1, -1};

    syscall(SYS_clock_gettime, clock, &t);
    return ns_of(&t);
}

static void compare(void)
{
    static const int clocks[] = {CLOCK_REALTIME,        CLOCK_MONOTONIC,        CLOCK_MONOTONIC_RAW,
                                 CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME};
    int (*get)(int, struct timespec *) =
        (int (*)(int, struct timespec *))find("__vdso_clock_gettime");
    int (*resolution)(int, struct timespec *) =
        (int (*)(int, struct timespec *))find("__vdso_clock_getres");
    int (*day)(struct timeval *, void *) =
        (int (*)(struct timeval *, void *))find("__vdso_gettimeofday");
    time_t (*seconds)(time_t *) = (time_t(*)(time_t *))find("__vdso_time");
    int (*cpu)(unsigned *, unsigned *, void *) =
        (int (*)(unsigned *, unsigned *, void *))find("__vdso_getcpu");
    struct timespec t, want;
    struct timeval v;
    time_t s = 0;

    expect(get && resolution && day && seconds && cpu, "all five are there");
    expect(!find("__vdso_none") && !find("is_common"), "and nothing else");
    if (wrong)
        return;
    for (unsigned i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        const long long before = called(clocks[i]);
        expect(!get(clocks[i], &t), "a clock is there");
        const long long after = called(clocks[i]);
        expect(before <= ns_of(&t) && ns_of(&t) <= after && t.tv_nsec < 1000000000,
               "a clock agrees");
        expect(!resolution(clocks[i], &t) && !syscall(SYS_clock_getres, clocks[i], &want) &&
                   ns_of(&t) == ns_of(&want),
               "a resolution agrees");
    }
    long long before = called(CLOCK_REALTIME) / 1000;
    expect(!day(&v, NULL) && v.tv_usec < 1000000, "the time of day is there");
    expect(before <= v.tv_sec * 1000000LL + v.tv_usec, "it is not early");
    expect(v.tv_sec * 1000000LL + v.tv_usec <= called(CLOCK_REALTIME) / 1000, "nor late");
    before = called(CLOCK_REALTIME) / 1000000000;
    time_t now = seconds(&s);
    expect(now == s && before <= s && s <= called(CLOCK_REALTIME) / 1000000000,
           "the seconds agree");
    unsigned a = 9, b = 8, c = 7, d = 6;
    syscall(SYS_getcpu, &a, &b, NULL);
    expect(!cpu(&c, &d, NULL) && a == c && b == d, "the processor agrees");
    expect(get(99, &t) == -22 && get(-1000000, &t) == -22 && resolution(99, NULL) == -22,
           "no such clock");
}

int main(int argc, char **argv)
{
    struct timespec t = {0, 0};
    struct timeval v;
    long long last = 0;

    (void)argv;
    if (argc > 1) {
        compare();
        printf("%d wrong\n", wrong);
        return wrong != 0;
    }
    for (int i = 0; i < 1000; i++) {
        clock_gettime(CLOCK_MONOTONIC, &t);
        expect(ns_of(&t) >= last, "time goes on");
        last = ns_of(&t);
        gettimeofday(&v, NULL);
        expect(clock_gettime(CLOCK_REALTIME, &t) == 0 && t.tv_sec - v.tv_sec <= 1,
               "both are the same time");
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* this one is a call */
    printf("%d wrong\n", wrong);
    return wrong != 0;
}
