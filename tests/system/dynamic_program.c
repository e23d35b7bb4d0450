/*
 * A program that is linked in several ways (dynamically, as a static PIE; glibc, musl) and says
 * what its loader made of it. Its output is compared with this machine's.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef PLUG
#include <dlfcn.h>
#endif

static __thread int own = 5;
static sigjmp_buf back;
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

int program_twice(int n); /* called by the plug-in */

int program_twice(int n)
{
    own++;
    return 2 * n;
}

static void on_fault(int number)
{
    (void)number;
    siglongjmp(back, 1);
}

static void say(const char *what, int good)
{
    printf("%s: %s\n", what, good ? "yes" : "NO");
}

static int is_writable(volatile char *at)
{
    if (sigsetjmp(back, 1))
        return 0;
    *at = *at;
    return 1;
}

static void *(*const moved)(size_t) = malloc; /* relocated, then read-only */

static void say_auxiliary(void)
{
    const ElfW(Phdr) *h = (void *)getauxval(AT_PHDR);
    const ElfW(Ehdr) *base = (void *)getauxval(AT_BASE);
    int relro = 0, linker = 0;

    say("the headers are where it is said",
        (char *)h == (char *)&__ehdr_start + __ehdr_start.e_phoff);
    say("all of them",
        getauxval(AT_PHNUM) == __ehdr_start.e_phnum && getauxval(AT_PHENT) == sizeof *h);
    say("and the entry",
        getauxval(AT_ENTRY) == (__ehdr_start.e_type == ET_DYN ? (unsigned long)&__ehdr_start : 0) +
                                   __ehdr_start.e_entry);
    for (unsigned i = 0; i < getauxval(AT_PHNUM); i++) {
        relro |= h[i].p_type == PT_GNU_RELRO;
        linker |= h[i].p_type == PT_INTERP;
    }
    printf("type %u, linker %d, relro %d\n", __ehdr_start.e_type, linker, relro);
    say("a linker where AT_BASE says",
        linker ? base && !memcmp(base->e_ident, ELFMAG, SELFMAG) && base->e_type == ET_DYN : !base);
    say("what was relocated cannot be written to any more", !relro || !is_writable((char *)&moved));
    printf("%s\n", (char *)getauxval(AT_PLATFORM));
}

static void *thread(void *argument)
{
    own += *(int *)argument;
    return (void *)(long)own;
}

static void say_threads(void)
{
    pthread_t threads[4];
    int add[4] = {1, 2, 3, 4};

    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, thread, &add[i]))
            exit(1);
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        printf("thread %ld\n", (long)result);
    }
    printf("own %d\n", own);
}

#ifdef PLUG
static void say_plug(void)
{
    void *plug = dlopen(PLUG, RTLD_NOW);
    int (*call)(int) = plug ? (int (*)(int))dlsym(plug, "plug_call") : NULL;

    if (!call) {
        printf("%s\n", dlerror());
        exit(1);
    }
    printf("plug-in: %d\n", call(20));
    printf("plug-in: %d, own %d\n", call(21), own);
    say("no such symbol", !dlsym(plug, "none") && strstr(dlerror(), "none"));
    say("no such plug-in", !dlopen("./none.so", RTLD_NOW) && strstr(dlerror(), "none.so"));
    say("a text is no plug-in", !dlopen("./d/one", RTLD_NOW) && strstr(dlerror(), "d/one"));
    say("closed", !dlclose(plug));
}
#else
static void say_plug(void)
{
}
#endif

static void say_child(const char *self)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();

    if (!child) {
        execl(self, self, "child", "", "last", (char *)NULL);
        _exit(errno);
    }
    waitpid(child, &status, 0);
    printf("child: %d\n", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_fault};

    if (argc > 1) {
        printf("child of %d arguments, last %s\n", argc, argv[argc - 1]);
        return 7;
    }
    sigaction(SIGSEGV, &action, NULL);
    say_auxiliary();
    say_threads();
    say_plug();
    say_child(argv[0]);
    return 0;
}
