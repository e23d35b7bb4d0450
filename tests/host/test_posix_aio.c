/* Host tests of Linux' asynchronous I/O: requests, their results, and what ends a wait for them. */
#include "tests/host/posix_family.h"

#include "libos-posix/process/aio.h"

enum { READ, WRITE, FSYNC, POLL = 5, READ_PARTS = 7 };

/* The hole of the world takes the page of a context. */
#define NOWHERE ((char *)8)

static uint64_t shared_context;

static uint64_t context_make(unsigned most)
{
    uint64_t *id = (uint64_t *)world.user;

    *id = 0;
    IS(SYS(io_setup, most, id), 0);
    assert_true(*id != 0);
    return *id;
}

/* Number `index` of the requests in the program's memory. */
static struct linux_iocb *request(unsigned index)
{
    uint64_t *list = (uint64_t *)(world.user + 64);
    struct linux_iocb *r = (struct linux_iocb *)(world.user + 256) + index;

    list[index] = (uint64_t)r;
    *r = (struct linux_iocb){.data = 100 + index};
    return r;
}

static long submit(uint64_t context, unsigned count)
{
    return SYS(io_submit, context, count, world.user + 64);
}

static struct linux_io_event *events(void)
{
    return (struct linux_io_event *)(world.user + 1024);
}

static long fetch(uint64_t context, long least, long most)
{
    int64_t *now = (int64_t *)(world.user + 2000);

    now[0] = now[1] = 0;
    return SYS(io_getevents, context, least, most, events(), now);
}

static long file_make(void)
{
    long fd = SYS(open, user_text("/aio"), O_RDWR | O_CREAT, 0600);

    assert_true(fd > 2);
    return fd;
}

static void what_is_submitted_is_done_and_told(void **state)
{
    (void)state;
    uint64_t context = context_make(4);
    long fd = file_make();
    char *text = world.user + 3000;
    struct linux_iocb *r = request(0);

    strcpy(text, "hello");
    r->operation = WRITE, r->fd = (uint32_t)fd, r->base = (uint64_t)text, r->bytes = 5, r->at = 7;
    r = request(1);
    r->operation = READ, r->fd = (uint32_t)fd, r->base = (uint64_t)text + 16, r->bytes = 90;
    r->at = 8;
    r = request(2);
    r->operation = FSYNC, r->fd = (uint32_t)fd;
    IS(submit(context, 3), 3);
    assert_memory_equal(text + 16, "ello", 4);
    IS(fetch(context, 0, 1), 1);
    IS(events()->data, 100);
    IS(events()->iocb, request(0));
    IS(events()->result, 5);
    IS(fetch(context, 2, 8), 2);
    IS(events()[0].result, 4);
    IS(events()[1].data, 102);
    IS(events()[1].result, 0);
    IS(fetch(context, 1, 8), 0); /* the time is over */
    IS(SYS(io_destroy, context), 0);
    IS(SYS(io_destroy, context), -EINVAL);
    IS(fetch(context, 0, 8), -EINVAL);
}

static void what_fails_is_a_result_and_what_cannot_begin_an_error(void **state)
{
    (void)state;
    uint64_t context = context_make(2);
    struct linux_iocb *r = request(0);

    r->fd = (uint32_t)file_make(), r->base = (uint64_t)NOWHERE, r->bytes = 8, r->operation = WRITE;
    IS(submit(context, 1), 1);
    IS(fetch(context, 1, 1), 1);
    IS(events()->result, -EFAULT);
    r->base = (uint64_t)world.user;
    *request(1) = (struct linux_iocb){.fd = 77};
    IS(submit(context, 2), 1); /* up to the one that cannot */
    IS(fetch(context, 0, 4), 1);
    *request(0) = (struct linux_iocb){.fd = 77};
    IS(submit(context, 1), -EBADF);
    *request(0) = (struct linux_iocb){.fd = 3, .operation = POLL};
    IS(submit(context, 1), -EINVAL);
    *request(0) = (struct linux_iocb){.fd = 3, .flags = 8};
    IS(submit(context, 1), -EINVAL);
    IS(SYS(io_submit, context, 1, NOWHERE), -EFAULT);
    IS(SYS(io_submit, context, -1, world.user + 64), -EINVAL);
    IS(SYS(io_submit, context + 1, 0, world.user + 64), -EINVAL);
    IS(SYS(io_cancel, context, request(0), events()), -EINVAL);
    IS(SYS(io_cancel, context, NOWHERE, events()), -EFAULT);
    IS(SYS(io_getevents, context, 2, 1, events(), 0), -EINVAL);
    IS(SYS(io_getevents, context, 0, 1, events(), NOWHERE), -EFAULT);
}

static void a_context_holds_so_many_results(void **state)
{
    (void)state;
    uint64_t context = context_make(2), *id = (uint64_t *)world.user;
    uint32_t fd = (uint32_t)file_make();

    for (unsigned i = 0; i < 3; i++) {
        struct linux_iocb *r = request(i);
        r->fd = fd, r->operation = READ, r->base = (uint64_t)world.user + 3000;
    }
    IS(submit(context, 3), 2);
    IS(submit(context, 1), -EAGAIN);
    IS(SYS(io_getevents, context, 1, 2, NOWHERE, 0), -EFAULT); /* nothing is lost by it */
    IS(fetch(context, 2, 2), 2);
    IS(submit(context, 1), 1);
    IS(SYS(io_setup, 2, id), -EINVAL); /* there is one */
    *id = 0;
    IS(SYS(io_setup, 0, id), -EINVAL);
    IS(SYS(io_setup, 0x10001, id), -EAGAIN);
    IS(SYS(io_setup, 2, NOWHERE), -EFAULT);
    IS(SYS(io_setup, 2, world.read_only), -EFAULT);
}

static void a_counter_hears_of_results(void **state)
{
    (void)state;
    uint64_t context = context_make(2), *value = (uint64_t *)(world.user + 4000);
    long counter = SYS(eventfd2, 0, O_NONBLOCK);
    struct linux_iocb *r = request(0);

    r->fd = (uint32_t)file_make(), r->operation = FSYNC, r->flags = 1;
    r->event_fd = (uint32_t)counter;
    IS(submit(context, 1), 1);
    IS(submit(context, 1), 1);
    IS(SYS(read, counter, value, 8), 8);
    IS(*value, 2);
    r->event_fd = r->fd;
    IS(submit(context, 1), -EINVAL);
    r->event_fd = 77;
    IS(submit(context, 1), -EBADF);
}

static void child_has_none(struct task *t)
{
    (void)t;
    SYS(exit_group, SYS(io_destroy, shared_context) == -EINVAL ? 0 : 1);
}

static void a_child_has_no_contexts(void **state)
{
    (void)state;
    shared_context = context_make(2);
    IS(child_wait(child_start(child_has_none)), EXITED(0));
    IS(SYS(io_destroy, shared_context), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(what_is_submitted_is_done_and_told),
        WORLD_TEST(what_fails_is_a_result_and_what_cannot_begin_an_error),
        WORLD_TEST(a_context_holds_so_many_results),
        WORLD_TEST(a_counter_hears_of_results),
        FAMILY_TEST(a_child_has_no_contexts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
