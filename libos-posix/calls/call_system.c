/* Calls about limits, use of resources, and what the system is. */
#include "libos-posix/abi/errno.h"
#include "libos-posix/calls/calls.h"
#include "libos-posix/base/clock.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/process/process.h"
#include "libos-posix/base/user.h"

static long limit_set(struct process *p, uint32_t which, const struct linux_rlimit *new, bool any)
{
    if (new->current > new->maximum)
        return -EINVAL;
    if (!any && new->maximum > p->limits[which].maximum)
        return -EPERM;
    if (which == RLIMIT_NOFILE && new->maximum > DESCRIPTOR_COUNT)
        return -EPERM; /* the table is no larger, for the superuser neither */
    p->limits[which] = *new;
    return 0;
}

long call_prlimit64(struct process *p, word_t pid, word_t which, word_t new, word_t old)
{
    struct linux_rlimit given, before;
    uint32_t index = (uint32_t)which;

    if (index >= RLIMIT_COUNT)
        return -EINVAL;
    struct process *of = (int32_t)pid ? process_find(p->arena, (int32_t)pid) : p;
    if (!of)
        return -ESRCH;
    if (new &&USER_GET(p, &given, new))
        return -EFAULT;
    before = of->limits[index];
    if (new) {
        long e = limit_set(of, index, &given, p->who.euid == 0);
        if (e)
            return e;
    }
    return old ? USER_PUT(p, old, &before) : 0;
}

long call_getrlimit(struct process *p, word_t which, word_t to)
{
    if ((uint32_t)which >= RLIMIT_COUNT)
        return -EINVAL;
    return USER_PUT(p, to, &p->limits[(uint32_t)which]);
}

long call_setrlimit(struct process *p, word_t which, word_t from)
{
    return from ? call_prlimit64(p, 0, which, from, 0) : -EFAULT;
}

long call_getrusage(struct process *p, word_t who, word_t to)
{
    const int children = -1, self = 0, thread = 1;
    struct linux_rusage usage = {0};

    if ((int)who != children && (int)who != self && (int)who != thread)
        return -EINVAL;
    uint64_t ns = (int)who == children ? p->children_ns : process_cpu_ns(p);
    usage.user.seconds = (int64_t)(ns / NS_PER_SECOND);
    usage.user.microseconds = (int64_t)(ns % NS_PER_SECOND / 1000);
    return USER_PUT(p, to, &usage);
}

long call_sysinfo(struct process *p, word_t to)
{
    struct port_memory m;
    uint16_t count = 0;

    for (const struct process *q = p->arena->processes; q; q = q->next)
        count++;
    port_memory_get(&m);
    struct linux_sysinfo s = {
        .uptime = (int64_t)(port_monotonic_ns() / NS_PER_SECOND),
        .total_ram = m.total_bytes,
        .free_ram = m.free_bytes,
        .processes = count,
        .unit = 1,
    };
    return USER_PUT(p, to, &s);
}

/* Programs compare name and release with what they need of Linux, so these say which Linux the
 * calls behave like; the version says who answers. */
long call_uname(struct process *p, word_t to)
{
    struct linux_utsname name = {
        .system = "Linux",
        .release = "6.1.0-exo4",
        .version = "libos-posix on exo4",
        .machine = "x86_64",
    };

    memcpy(name.node, p->arena->host_name, sizeof name.node);
    memcpy(name.domain, p->arena->domain_name, sizeof name.domain);
    return USER_PUT(p, to, &name);
}

long call_getrandom(struct process *p, word_t to, word_t bytes, word_t flags)
{
    const word_t known = GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE;
    char piece[256];

    if ((flags & ~known) || (flags & (GRND_RANDOM | GRND_INSECURE)) == (known & ~GRND_NONBLOCK))
        return -EINVAL;
    if (bytes > INT32_MAX)
        bytes = INT32_MAX;
    for (word_t done = 0; done < bytes;) {
        size_t n = bytes - done < sizeof piece ? bytes - done : sizeof piece;
        port_entropy(piece, n);
        if (user_write(p, to + done, piece, n))
            return done ? (long)done : -EFAULT;
        done += n;
    }
    return (long)bytes;
}
