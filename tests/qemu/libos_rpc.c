/* Remote procedure calls, trusted and not, and the pipe in shared memory, between two programs. */
#include "libos/rpc.h"

#include "libos/book.h"
#include "libos/call.h"
#include "libos/exit.h"
#include "libos/servers/program.h"
#include "libos/shm_pipe.h"
#include "libos/slots.h"
#include "libos/string.h"
#include "libos/thread.h"
#include "tests/qemu/guest.h"
#include "tests/qemu/tap.h"

#define FRAMES     512u
#define PIPE_PAGES 2u
#define SLOT_IN    SLOT_FREE
#define SLOT_OUT   (SLOT_FREE + SHM_PIPE_SLOTS)
#define STREAM     100000u

static uint8_t stack[8192] __attribute__((aligned(16)));
static word_t calls;

static word_t sum(word_t caller, word_t a, word_t b, word_t c)
{
    (void)caller;
    calls++;
    return a + 10 * b + 100 * c;
}

static word_t who(word_t caller, word_t a, word_t b, word_t c)
{
    (void)a, (void)b, (void)c;
    return caller;
}

static word_t count(word_t caller, word_t a, word_t b, word_t c)
{
    (void)caller, (void)a, (void)b, (void)c;
    return calls;
}

/* Uses every register that a procedure must give back. */
static word_t busy(word_t caller, word_t a, word_t b, word_t c)
{
    (void)caller, (void)b, (void)c;
    __asm__ volatile("mov $1, %%rbx; mov $2, %%r12; mov $3, %%r13; mov $4, %%r14; mov $5, %%r15"
                     :
                     :
                     : "rbx", "r12", "r13", "r14", "r15");
    return a;
}

/* The server ends in the middle of a call, with registers of its own. */
static word_t end_here(word_t caller, word_t a, word_t b, word_t c)
{
    libos_exit((int)busy(caller, a, b, c));
}

static const rpc_fn procedures[] = {sum, who, count, busy, end_here};
enum { SUM, WHO, COUNT, BUSY, END, PROCEDURES };

typedef enum err (*call_fn)(slot_t, word_t, word_t, word_t, word_t, word_t *);

/* Is every callee-saved register as it was behind a call of `number` that ends with `error`? */
static bool keeps_registers(call_fn call, slot_t server, word_t number, enum err error)
{
    word_t result = 99, wrong, changed, to = server, value = 7;

    __asm__ volatile("mov %[result], %%r9\n\t"
                     "mov $0x1111, %%rbx\n\t"
                     "mov $0x2222, %%r12\n\t"
                     "mov $0x3333, %%r13\n\t"
                     "mov $0x4444, %%r14\n\t"
                     "mov $0x5555, %%r15\n\t"
                     "sub $128, %%rsp\n\t"
                     "call *%%rax\n\t"
                     "add $128, %%rsp\n\t"
                     "sub $0x1111, %%rbx\n\t"
                     "sub $0x2222, %%r12\n\t"
                     "sub $0x3333, %%r13\n\t"
                     "sub $0x4444, %%r14\n\t"
                     "sub $0x5555, %%r15\n\t"
                     "or %%r12, %%rbx\n\t"
                     "or %%r13, %%rbx\n\t"
                     "or %%r14, %%rbx\n\t"
                     "or %%r15, %%rbx\n\t"
                     "mov %%rbx, %[changed]"
                     : "=a"(wrong), [changed] "=m"(changed), "+D"(to), "+S"(number), "+d"(value)
                     : "a"(call), [result] "c"(&result)
                     : "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
    return wrong == (word_t)error && changed == 0 && result == (error ? 99u : 7u);
}

static void check_calls(call_fn call, slot_t server, const char *form)
{
    word_t result = 0;

    tap_note("%s", form);
    tap_is(call(server, SUM, 1, 2, 3, &result), ERR_OK, "a call");
    tap_is(result, 321, "three words went there, and the result came back");
    tap_is(call(server, WHO, 0, 0, 0, &result), ERR_OK, "another procedure");
    tap_is(result, *book_tcr(TCR_GLOBAL_ID), "it learns who calls");
    result = 99;
    tap_is(call(server, PROCEDURES, 1, 2, 3, &result), ERR_BAD_CALL, "an unknown procedure");
    tap_is(call(server, ~(word_t)0, 1, 2, 3, &result), ERR_BAD_CALL, "one far away");
    tap_is(call(SLOT_ENV, SUM, 1, 2, 3, &result), ERR_BAD_CAP, "a server that is no thread");
    tap_is(result, 99, "no result came with the errors");
    for (unsigned i = 0; i < 100; i++)
        call(server, SUM, i, 0, 0, &result);
    call(server, COUNT, 0, 0, 0, &result);
    tap_is(result, 101, "the server's state is its own");
    tap_ok(keeps_registers(call, server, BUSY, ERR_OK), "registers are as before");
    tap_ok(keeps_registers(call, server, END, ERR_BAD_STATE), "and when the server ends meanwhile");
}

static void check_server(const char *role, call_fn call)
{
    struct spawn_child child;

    tap_is(guest_spawn(&child, "libos_rpc", role, FRAMES, THREAD_CPU_HERE, THREAD_PRIORITY + 1),
           ERR_OK, "a server");
    guest_sleep(20000);
    check_calls(call, child.thread, role);
    spawn_destroy(&child);
}

/* Reads exactly `count` bytes. */
static enum err read_all(struct shm_pipe *pipe, void *bytes, uint64_t wanted)
{
    for (uint64_t done = 0, got; done < wanted; done += got) {
        enum err e = shm_pipe_read(pipe, (uint8_t *)bytes + done, wanted - done, &got);
        if (e)
            return e;
    }
    return ERR_OK;
}

/* The child: sends back each word plus one, then the sum of a long stream. */
static int be_echo(void)
{
    struct shm_pipe in, out;
    uint64_t word, got, total = 0;
    uint8_t bytes[333];

    if (shm_pipe_take(&in, SLOT_IN) || shm_pipe_take(&out, SLOT_OUT))
        return 1;
    for (unsigned i = 0; i < 100; i++) {
        if (read_all(&in, &word, sizeof word))
            return 2;
        word++;
        if (shm_pipe_write(&out, &word, sizeof word))
            return 3;
    }
    for (uint64_t done = 0; done < STREAM; done += got) {
        if (shm_pipe_read(&in, bytes, sizeof bytes, &got))
            return 4;
        for (uint64_t i = 0; i < got; i++)
            total = total * 31 + bytes[i];
    }
    shm_pipe_write(&out, &total, sizeof total);
    return 55;
}

static void run_pipes(struct shm_pipe *to, struct shm_pipe *from)
{
    static uint8_t stream[STREAM];
    uint64_t word, answer, total = 0;
    bool good = true;

    for (uint64_t i = 0; i < 100; i++) {
        word = i * 1000;
        good &= shm_pipe_write(to, &word, sizeof word) == ERR_OK;
        good &= read_all(from, &answer, sizeof answer) == ERR_OK && answer == word + 1;
    }
    tap_ok(good, "a hundred words went there and back");
    for (uint32_t i = 0; i < STREAM; i++) {
        stream[i] = (uint8_t)(i * 7 + i / 251);
        total = total * 31 + stream[i];
    }
    tap_is(shm_pipe_write(to, stream, STREAM), ERR_OK, "more than the pipe holds");
    tap_is(read_all(from, &answer, sizeof answer), ERR_OK, "and an answer");
    tap_is(answer, total, "every byte arrived, in order");
}

static void check_pipe(void)
{
    const char *arguments[] = {"libos_rpc", "echo", NULL};
    struct archive_entry image;
    struct spawn_child child;
    struct spawn_end end = {0};
    struct shm_pipe to, from;
    uint64_t got;

    tap_is(shm_pipe_make(&to, 3), ERR_BAD_ARG, "a size that is no power of two");
    tap_is(shm_pipe_make(&to, 0), ERR_BAD_ARG, "a pipe of nothing");
    tap_is(shm_pipe_take(&to, SLOT_ENV), ERR_BAD_CAP, "a pipe that is none");
    tap_is(shm_pipe_make(&to, PIPE_PAGES), ERR_OK, "a pipe");
    tap_is(shm_pipe_make(&from, 1), ERR_OK, "and one back");
    tap_is(shm_pipe_read(&to, &got, 0, &got), ERR_BAD_ARG, "reading nothing");
    program_find(guest_archive(), "libos_rpc", &image);
    struct spawn_args args = {.image = image.data,
                              .image_bytes = image.bytes,
                              .name = "echo",
                              .arguments = arguments,
                              .give = SPAWN_GIVE(SLOT_CONSOLE),
                              .memory_frames = FRAMES,
                              .cpu = THREAD_CPU_HERE};
    tap_is(spawn_prepare(&child, &args), ERR_OK, "a partner");
    tap_is(shm_pipe_give(&to, child.env, SLOT_IN), ERR_OK, "is given one");
    tap_is(shm_pipe_give(&from, child.env, SLOT_OUT), ERR_OK, "and the other");
    spawn_run(&child);
    run_pipes(&to, &from);
    spawn_wait(&child, &end);
    tap_ok(end.exited && end.status == 55, "the partner ended well");
    spawn_destroy(&child);
    to.shared->written = to.shared->read + to.size + 1;
    tap_is(shm_pipe_read(&to, &got, 1, &got), ERR_BAD_STATE, "a writer that lies is found out");
    tap_is(shm_pipe_write(&to, &got, 1), ERR_BAD_STATE, "and a reader");
    shm_pipe_destroy(&to);
    shm_pipe_destroy(&from);
}

int main(int argc, char **argv)
{
    vaddr_t end = (vaddr_t)stack + sizeof stack;

    guest_begin();
    if (argc > 1 && !strcmp(argv[1], "lrpc"))
        rpc_serve(procedures, PROCEDURES, end);
    if (argc > 1 && !strcmp(argv[1], "trusted"))
        rpc_serve_trusted(procedures, PROCEDURES, end);
    if (argc > 1 && !strcmp(argv[1], "echo"))
        libos_exit(be_echo());
    check_server("lrpc", rpc_call);
    check_server("trusted", rpc_call_trusted);
    check_pipe();
    return tap_done();
}
