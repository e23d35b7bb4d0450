/* Compiled programs on this machine. */
#include "grafts/tool/native.h"

#include <cpuid.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CPUID_1_ECX_MOVBE (1u << 22)
#define CPUID_7_EBX_BMI2  (1u << 8)

/* Never writable and executable at one address: the two views are of one file without a name. */
bool native_open(struct native *n, size_t bytes, uint32_t slots)
{
    int fd = memfd_create("graft", MFD_CLOEXEC);

    *n = (struct native){.bytes = bytes, .work_bytes = GRAFT_JIT_WORK_BYTES(slots)};
    n->work = aligned_alloc(16, (n->work_bytes + 15) / 16 * 16);
    if (fd < 0 || !n->work || ftruncate(fd, (off_t)bytes) != 0)
        goto out_close;
    n->writable = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    n->runs = mmap(NULL, bytes, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    if (n->writable == MAP_FAILED || n->runs == MAP_FAILED)
        goto out_close;
    close(fd);
    return true;

out_close:
    if (fd >= 0)
        close(fd);
    free(n->work);
    n->work = NULL;
    return false;
}

void native_close(struct native *n)
{
    munmap(n->writable, n->bytes);
    munmap(n->runs, n->bytes);
    free(n->work);
}

uint32_t native_features(void)
{
    unsigned a, b, c, d;
    uint32_t features = 0;

    if (__get_cpuid(1, &a, &b, &c, &d) && (c & CPUID_1_ECX_MOVBE))
        features |= GRAFT_JIT_MOVBE;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & CPUID_7_EBX_BMI2))
        features |= GRAFT_JIT_BMI2;
    return features;
}

enum graft_jit_end native_compile(struct native *n, struct graft_jit_input *in, bool at_home,
                                  graft_jit_entry *entry, struct graft_jit_output *out)
{
    in->base = at_home ? (uintptr_t)n->runs : 0;
    enum graft_jit_end end = graft_jit(in, n->work, n->work_bytes, n->writable, n->bytes, out);
    memcpy(entry, &n->runs, sizeof *entry); /* from data to function: C has no cast */
    return end;
}
