/* Loading a program: ELF files and scripts. */
#include "libos-posix/load/exec.h"

#include "libos-posix/abi/errno.h"
#include "libos-posix/base/area.h"
#include "libos-posix/base/io.h"
#include "libos-posix/process/lock.h"
#include "libos-posix/base/mem.h"
#include "libos-posix/file/mount.h"
#include "libos-posix/file/node.h"
#include "libos-posix/file/path.h"
#include "libos-posix/posix.h"
#include "libos-posix/process/process.h"
#include "libos-posix/process/task.h"

#define SCRIPT_LINE_BYTES 256u

static size_t list_count(const char *const *list)
{
    size_t count = 0;
    while (list[count])
        count++;
    return count;
}

/* The end of what is the file's alone: the page behind begins as its bytes and ends as zeroes. 0:
 * the file's pages are not the program's, or it is on a disk, whose pages need the lock. */
static vaddr_t lent_end(const struct node *n, const struct elf_segment *s, vaddr_t bias)
{
    const vaddr_t end = s->start + bias + s->file_bytes;

    if (n->stored || (s->start + bias - s->offset) % PAGE_SIZE)
        return 0;
    return s->file_bytes == s->memory_bytes ? page_up(end) : end & ~(PAGE_SIZE - 1);
}

/* What is not lent is writable while it is filled. */
static long map_segment(struct process *p, struct node *n, const struct elf_segment *s,
                        vaddr_t bias)
{
    vaddr_t start = (s->start + bias) & ~(PAGE_SIZE - 1), lent = lent_end(n, s, bias);
    vaddr_t end = page_up(s->start + bias + s->memory_bytes), from = s->start + bias;
    uint64_t offset = s->offset, left = s->file_bytes;
    long e = 0;

    if (lent > start) {
        e = area_lend(p, start, lent, s->rights, n, offset & ~(PAGE_SIZE - 1));
        left = lent < from + left ? from + left - lent : 0;
        offset += lent - from;
        start = from = lent;
    }
    if (!e && start < end)
        e = area_map(p, start, end, left ? RIGHT_READ | RIGHT_WRITE : s->rights);
    if (e || !left)
        return e;

    struct io io;
    io_init_user(&io, p, from, left);
    if (data_read(n, offset, &io) != (long)left)
        return -ENOEXEC;
    return area_protect(p, start, end, s->rights);
}

static long map_image(struct process *p, struct node *n, const struct exec_image *image)
{
    long e = 0;

    if (!n->stored)
        data_load(p->arena, n); /* for all that run it; what is missing each reads for itself */
    for (unsigned i = 0; i < image->elf.segment_count && !e; i++)
        e = map_segment(p, n, &image->elf.segments[i], image->bias);
    return e;
}

/* The last part of what the caller named: a link's name, or a script's, not what was found there.
 */
static void name_task(struct task *t, const char *name)
{
    size_t last = 0, bytes = 0;

    for (size_t i = 0; name[i]; i++)
        last = name[i] == '/' ? i + 1 : last;
    memset(t->name, 0, COMMAND_BYTES);
    for (; name[last + bytes] && bytes < COMMAND_BYTES - 1; bytes++)
        t->name[bytes] = name[last + bytes];
}

/* Remembers what the program was started as, for /proc/self and prctl. */
static void describe(struct process *p, const struct walk *w, const struct exec_program *program)
{
    struct program_text *text = p->text;
    size_t bytes = 0;
    long dir = path_of(p->arena, w->dir, text->exe, PATH_MAX - NAME_MAX - 2);

    if (dir > 0) {
        bytes = (size_t)dir - 1;
        if (bytes > 1)
            text->exe[bytes++] = '/';
        memcpy(text->exe + bytes, w->name, w->bytes);
        bytes += w->bytes;
    }
    text->exe[bytes] = 0;

    name_task(task_current(), program->name);
    text->command_line_bytes = 0;
    for (size_t i = 0; i < exec_string_count(&program->arguments); i++)
        for (const char *c = exec_string(&program->arguments, i);
             text->command_line_bytes < PAGE_SIZE; c++) {
            text->command_line[text->command_line_bytes++] = *c;
            if (!*c)
                break;
        }
}

/* Areas that lie near one another go at once: what is between them costs less than each by itself.
 */
#define NEAR_BYTES ((size_t)1 << 20)

static void unmap_all(struct process *p)
{
    for (struct area *a = p->areas; a;) {
        const vaddr_t start = a->start;
        const bool adopted = a->adopted;
        vaddr_t end;
        do {
            end = a->end;
            a = a->next;
        } while (a && a->adopted == adopted && a->start - end <= NEAR_BYTES);
        if (!adopted)
            area_unmap(p, start, end);
    }
}

/* The old program's memory goes with its environment, if there is another one; a borrower has left
 * that already. */
static void leave_memory(struct process *p, const struct node *program)
{
    const uint64_t used = port_cpu_ns();

    if (p->areas && port_renew(program)) {
        area_forget_all(p);
        p->cpu_before_ns -= used;
    }
    unmap_all(p);
}

/* Everything that can be refused before the old program is gone. */
static long check(struct process *p, const struct walk *w, struct exec_program *program)
{
    long e = exec_read_image(w->node, &program->image.elf);

    if (!e)
        e = exec_find_linker(p, w->node, program);
    if (!e)
        e = exec_place(p, program);
    if (!e)
        e = exec_check_strings(program);
    return !e && !process_own_text(p) ? -ENOMEM : e;
}

static long perform(struct process *p, const struct walk *w, struct exec_program *program,
                    struct posix_start *out)
{
    const struct exec_image *image = &program->image;
    const struct exec_image *first = program->linker_node ? &program->linker : image;

    if (program->replaces) {
        long e = exec_leave_old(p, program);
        if (e)
            return e;
        leave_memory(p, program->node);
    }
    long e = map_image(p, w->node, image);
    if (!e && program->linker_node)
        e = map_image(p, program->linker_node, &program->linker);
    if (!e)
        e = exec_build_stack(p, program, &out->stack);
    port_settle();
    if (e) {
        unmap_all(p);
        return e;
    }
    exec_take_identity(p, w->node);
    process_runs(p, w->node);
    out->entry = first->elf.entry + first->bias;
    p->break_low = p->break_now = image->elf.high + image->bias;
    describe(p, w, program);
    return 0;
}

static long load(struct process *p, const struct walk *w, struct exec_program *program,
                 struct posix_start *out)
{
    program->node = w->node;
    program->linker_node = NULL;
    long e = check(p, w, program);
    if (!e)
        e = perform(p, w, program, out);
    if (program->linker_node)
        node_drop(p->arena, program->linker_node);
    return e;
}

/* The first line of a script, cut into interpreter and one optional argument. */
struct script {
    char line[SCRIPT_LINE_BYTES];
    const char *front[3]; /* interpreter, its argument if any, the script */
    size_t front_count;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* False: the file does not begin with "#!" and an interpreter. */
static bool script_parse(struct node *n, const char *path, struct script *s)
{
    size_t bytes = n->size < sizeof s->line - 1 ? (size_t)n->size : sizeof s->line - 1;
    size_t at = 2, end = 0;

    memset(s, 0, sizeof *s);
    if (bytes < 3 || exec_read(n, 0, s->line, bytes) || s->line[0] != '#' || s->line[1] != '!')
        return false;
    while (end < bytes && s->line[end] != '\n')
        end++;
    while (end > 2 && is_blank(s->line[end - 1]))
        end--;
    s->line[end] = 0;
    while (is_blank(s->line[at]))
        at++;
    if (!s->line[at])
        return false;
    s->front[s->front_count++] = s->line + at;
    while (s->line[at] && !is_blank(s->line[at]))
        at++;
    if (s->line[at]) {
        s->line[at++] = 0;
        while (is_blank(s->line[at]))
            at++;
        s->front[s->front_count++] = s->line + at;
    }
    s->front[s->front_count++] = path;
    return true;
}

/* Runs what `path` names; a script becomes its interpreter with the script as argument. */
static long run(struct process *p, const char *path, struct exec_program *program, unsigned depth,
                struct posix_start *out)
{
    struct script script;
    struct walk w;

    long e = exec_find(p, path, &w);
    if (e)
        return e;
    if (!script_parse(w.node, path, &script)) {
        struct node *n = w.node;
        node_hold(n); /* for as long as other threads may run */
        e = load(p, &w, program, out);
        node_drop(p->arena, n);
        return e;
    }
    if (depth == EXEC_SCRIPTS_MAX)
        return -ELOOP;

    /* A script run by a script: the inner one's front takes the place of what stood first. */
    const char *front[3 * (EXEC_SCRIPTS_MAX + 1)];
    size_t count = 0;
    for (; count < script.front_count; count++)
        front[count] = script.front[count];
    for (size_t i = 1; i < program->arguments.first_count; i++)
        front[count++] = program->arguments.first[i];
    if (!program->arguments.first_count && program->arguments.rest_count) {
        program->arguments.rest++; /* argv[0] gives way to the interpreter */
        program->arguments.rest_count--;
    }
    program->arguments.first = front;
    program->arguments.first_count = count;
    return run(p, script.front[0], program, depth + 1, out);
}

long exec_run(struct process *p, struct exec_program *program, struct posix_start *out)
{
    return run(p, program->name, program, 0, out);
}

long posix_exec(const struct posix_exec *request, struct posix_start *out)
{
    struct exec_program program = {
        .name = request->path,
        .arguments = {.rest = request->argv, .rest_count = list_count(request->argv)},
        .environment = {.rest = request->envp, .rest_count = list_count(request->envp)},
    };
    struct task *t = task_current();

    lock_take(t);
    long e = exec_run(t->process, &program, out);
    lock_release(t);
    return e;
}
