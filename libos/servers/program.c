/* Starting a system program out of the boot archive. */
#include "libos/servers/program.h"

#include "libos/error.h"
#include "libos/exit.h"
#include "libos/log.h"
#include "libos/print.h"

#define NAME_MAX 64u

enum err program_find(const struct archive *a, const char *name, struct archive_entry *entry)
{
    char path[NAME_MAX];

    if (print_format(path, sizeof path, ".exo4/%s.elf", name) >= sizeof path)
        return ERR_NOT_BOUND;
    return archive_find(a, path, entry);
}

enum err program_start(const struct archive *a, const char *name, struct spawn_args *args,
                       struct spawn_child *child)
{
    struct archive_entry entry;
    enum err e = program_find(a, name, &entry);

    if (e)
        return e;
    args->image = entry.data;
    args->image_bytes = entry.bytes;
    args->name = name;
    return spawn_start(child, args);
}

int program_wait(const char *name, struct spawn_child *child)
{
    struct spawn_end end;
    enum err e = spawn_wait(child, &end);

    if (e)
        program_fail(STATUS_FAULT, name, error_text(e));
    if (end.exited)
        return end.status;
    log_kernel_line("%s: ended by exception %u at %lx, address %lx", name, end.vector, end.ip,
                    end.address);
    return STATUS_FAULT;
}

_Noreturn void program_fail(int status, const char *what, const char *why)
{
    log_error_line("exo4: %s: %s", what, why);
    log_kernel_line("exo4: %s: %s", what, why);
    libos_exit(status);
}
