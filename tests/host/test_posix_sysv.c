/* Host tests of System V IPC: shared memory, semaphores, queues of messages. */
#include "tests/host/posix_family.h"

#include "libos-posix/channel/sysv.h"

#define SEM_UNDO 0x1000
#define ALL      0600
#define NEW      (IPC_CREAT | ALL)

static long shared_id;

struct operation {
    uint16_t number;
    int16_t by, flags;
};

struct message {
    int64_t type;
    char text[56];
};

static long operate(long id, uint16_t number, int16_t by, int16_t flags)
{
    struct operation *o = (struct operation *)world.user;

    *o = (struct operation){number, by, flags};
    return SYS(semop, id, o, 1);
}

static long value_of(long id, unsigned number)
{
    return SYS(semctl, id, number, 12);
}

static long count_of(long id)
{
    IS(SYS(shmctl, id, IPC_STAT, world.user), 0);
    return ((int64_t *)world.user)[11];
}

static void keys_find_what_was_made(void **state)
{
    (void)state;
    IS(SYS(semget, 77, 1, ALL), -ENOENT);
    long id = SYS(semget, 77, 2, NEW);
    assert_true(id > 0);
    IS(SYS(semget, 77, 1, ALL), id);
    IS(SYS(semget, 77, 3, ALL), -EINVAL);
    IS(SYS(semget, 77, 2, NEW | IPC_EXCL), -EEXIST);
    IS(SYS(semget, 78, 0, NEW), -EINVAL);
    IS(SYS(semget, 78, 8193, NEW), -EINVAL);
    assert_true(SYS(semget, IPC_PRIVATE, 1, ALL) != SYS(semget, IPC_PRIVATE, 1, ALL));
    IS(SYS(msgget, 77, ALL), -ENOENT); /* each kind has keys of its own */
    IS(SYS(semctl, id, 0, IPC_RMID), 0);
    IS(SYS(semctl, id, 0, IPC_RMID), -EINVAL);
    IS(SYS(semget, 77, 1, ALL), -ENOENT);
}

static void others_need_a_right(void **state)
{
    (void)state;
    long semaphores = SYS(semget, 1, 1, NEW), queue = SYS(msgget, 1, NEW | 0004),
         memory = SYS(shmget, 1, 100, NEW);
    IS(SYS(setresgid, 1000, 1000, 1000), 0);
    IS(SYS(setresuid, 1000, 1000, 1000), 0);
    IS(SYS(semget, 1, 1, ALL), -EACCES);
    IS(operate(semaphores, 0, 1, 0), -EACCES);
    IS(SYS(semctl, semaphores, 0, IPC_RMID), -EPERM);
    IS(SYS(shmat, memory, 0, 0), -EACCES);
    IS(SYS(shmctl, memory, IPC_RMID), -EPERM);
    IS(SYS(msgrcv, queue, world.user, 8, 0, IPC_NOWAIT), -ENOMSG); /* who may read it */
    IS(SYS(msgctl, queue, IPC_STAT, world.user), 0);
    *(int64_t *)world.user = 1;
    IS(SYS(msgsnd, queue, world.user, 0, 0), -EACCES);
}

static void memory_is_the_same_twice(void **state)
{
    (void)state;
    long id = SYS(shmget, 5, 5000, NEW);
    IS(SYS(shmget, 5, 5001, ALL), -EINVAL);
    IS(SYS(shmget, 6, 0, NEW), -EINVAL);
    char *one = (char *)SYS(shmat, id, 0, 0), *two = (char *)SYS(shmat, id, 0, 010000);
    assert_true((long)one > 0 && (long)two > 0 && one != two);
    one[4999] = 'x';
    IS(two[4999], 'x');
    IS(SYS(uname, two), -EFAULT); /* that one is only to be read */
    IS(count_of(id), 2);
    IS(SYS(shmat, id, one, 0), -EINVAL);
    IS(SYS(shmat, id, one + 1, 0), -EINVAL);
    IS(SYS(shmat, id + 1, 0, 0), -EINVAL);
    IS(SYS(shmdt, one + PAGE_SIZE), -EINVAL);
    IS(SYS(shmdt, world.user), -EINVAL);
    IS(SYS(shmctl, id, IPC_RMID), 0);
    IS(SYS(shmget, 5, 1, ALL), -ENOENT); /* it has no key any more */
    IS(count_of(id), 2);
    IS(SYS(shmdt, one), 0);
    IS(SYS(shmdt, one), -EINVAL);
    IS(two[4999], 'x');
    IS(SYS(shmdt, two), 0);
    IS(SYS(shmctl, id, IPC_STAT, world.user), -EINVAL);
}

static void operations_are_all_or_nothing(void **state)
{
    struct operation *o = (struct operation *)world.user;

    (void)state;
    long id = SYS(semget, IPC_PRIVATE, 2, ALL);
    IS(SYS(semctl, id, 0, 16, 3), 0);
    o[0] = (struct operation){0, -3, 0};
    o[1] = (struct operation){1, -1, IPC_NOWAIT};
    IS(SYS(semop, id, o, 2), -EAGAIN);
    IS(value_of(id, 0), 3);
    o[1].by = 0; /* it is 0 */
    IS(SYS(semop, id, o, 2), 0);
    IS(value_of(id, 0), 0);
    IS(SYS(semctl, id, 0, 11), 1);
    o[0] = (struct operation){2, 1, 0};
    IS(SYS(semop, id, o, 1), -EFBIG);
    IS(SYS(semop, id, o, 0), -EINVAL);
    IS(SYS(semop, id, o, 501), -E2BIG);
    IS(SYS(semop, id, world.hole, 1), -EFAULT);
    IS(SYS(semctl, id, 0, 16, 32768), -ERANGE);
    IS(SYS(semctl, id, 2, 12), -EINVAL);
    IS(SYS(semctl, id, 0, 16, 32767), 0);
    IS(operate(id, 0, 1, 0), -ERANGE);
    uint16_t *all = (uint16_t *)(world.user + 64);
    all[0] = 7;
    all[1] = 40000;
    IS(SYS(semctl, id, 0, 17, all), -ERANGE);
    IS(value_of(id, 0), 32767);
    all[1] = 8;
    IS(SYS(semctl, id, 0, 17, all), 0);
    all[0] = all[1] = 0;
    IS(SYS(semctl, id, 0, 13, all), 0);
    IS(all[0] + 16 * all[1], 7 + 16 * 8);
    struct linux_timespec *t = (struct linux_timespec *)(world.user + 128);
    *t = (struct linux_timespec){0, 1000};
    *o = (struct operation){0, -8, 0};
    IS(SYS(semtimedop, id, o, 1, t), -EAGAIN);
}

static void child_gives(struct task *t)
{
    (void)t;
    IS(SYS(semctl, shared_id, 0, 14), 1); /* who waits for more */
    IS(operate(shared_id, 0, 2, 0), 0);
    IS(operate(shared_id, 1, 5, SEM_UNDO), 0);
    SYS(exit_group, 0);
}

static void who_waits_goes_on_and_what_was_done_is_undone(void **state)
{
    (void)state;
    shared_id = SYS(semget, IPC_PRIVATE, 2, ALL);
    IS(SYS(semctl, shared_id, 1, 16, 1), 0);
    int32_t pid = child_start(child_gives);
    IS(operate(shared_id, 0, -2, 0), 0);
    IS(child_wait(pid), EXITED(0));
    IS(value_of(shared_id, 0), 0);
    IS(value_of(shared_id, 1), 1);
    IS(SYS(semctl, shared_id, 0, 14), 0);
}

static void child_removes(struct task *t)
{
    (void)t;
    IS(SYS(semctl, shared_id, 0, IPC_RMID), 0);
    SYS(exit_group, 0);
}

static void who_waits_is_told_that_it_is_gone(void **state)
{
    (void)state;
    shared_id = SYS(semget, IPC_PRIVATE, 1, ALL);
    int32_t pid = child_start(child_removes);
    IS(operate(shared_id, 0, -1, 0), -EIDRM);
    IS(child_wait(pid), EXITED(0));
}

static long put(long id, int64_t type, const char *text)
{
    struct message *m = (struct message *)world.user;

    m->type = type;
    strcpy(m->text, text);
    return SYS(msgsnd, id, m, strlen(text), IPC_NOWAIT);
}

static void got(long id, int64_t wanted, uint32_t flags, int64_t type, const char *text)
{
    struct message *m = (struct message *)world.user;

    memset(m, 0, sizeof *m);
    IS(SYS(msgrcv, id, m, 56, wanted, flags | IPC_NOWAIT), strlen(text));
    IS(m->type, type);
    assert_memory_equal(m->text, text, strlen(text));
}

static void messages_are_chosen_by_type(void **state)
{
    (void)state;
    long id = SYS(msgget, IPC_PRIVATE, ALL);
    IS(put(id, 0, "bad"), -EINVAL);
    IS(SYS(msgsnd, id, world.user, 8193, 0), -EINVAL);
    IS(SYS(msgsnd, id, world.hole, 1, 0), -EFAULT);
    IS(put(id, 5, "five"), 0);
    IS(put(id, 3, "three"), 0);
    IS(put(id, 4, "four"), 0);
    IS(put(id, 3, "three again"), 0);
    got(id, 4, 0, 4, "four");
    got(id, -4, 0, 3, "three");
    got(id, 5, 020000, 3, "three again");
    IS(SYS(msgrcv, id, world.user, 56, -4, IPC_NOWAIT), -ENOMSG);
    IS(SYS(msgrcv, id, world.user, 3, 0, IPC_NOWAIT), -E2BIG);
    IS(SYS(msgrcv, id, world.user, 3, 0, IPC_NOWAIT | 010000), 3); /* cut short */
    IS(SYS(msgrcv, id, world.user, -1, 0, IPC_NOWAIT), -EINVAL);
    IS(put(id, 1, "last"), 0); /* into the empty queue */
    got(id, 0, 0, 1, "last");
    char *big = (char *)SYS(mmap, 0, 3 * PAGE_SIZE, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    big[0] = 1;
    IS(SYS(msgsnd, id, big, 8192, IPC_NOWAIT), 0);
    IS(SYS(msgsnd, id, big, 8192, IPC_NOWAIT), 0);
    IS(SYS(msgsnd, id, big, 1, IPC_NOWAIT), -EAGAIN);
    IS(SYS(msgctl, id, IPC_RMID), 0);
    IS(SYS(msgctl, id, IPC_STAT, world.user), -EINVAL);
}

static void child_writes(struct task *t)
{
    (void)t;
    IS(put(shared_id, 9, "hello"), 0);
    SYS(exit_group, 0);
}

static void a_reader_waits(void **state)
{
    struct message *m = (struct message *)(world.user + 512);

    (void)state;
    shared_id = SYS(msgget, IPC_PRIVATE, ALL);
    int32_t pid = child_start(child_writes);
    IS(SYS(msgrcv, shared_id, m, 56, 9, 0), 5);
    IS(m->type, 9);
    IS(child_wait(pid), EXITED(0));
    shared_id = SYS(msgget, 1, NEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(keys_find_what_was_made),
        WORLD_TEST(others_need_a_right),
        WORLD_TEST(memory_is_the_same_twice),
        WORLD_TEST(operations_are_all_or_nothing),
        FAMILY_TEST(who_waits_goes_on_and_what_was_done_is_undone),
        FAMILY_TEST(who_waits_is_told_that_it_is_gone),
        WORLD_TEST(messages_are_chosen_by_type),
        FAMILY_TEST(a_reader_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
