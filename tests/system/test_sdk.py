#!/usr/bin/env python3
"""The SDK as somebody outside this tree uses it: one binary on exo4 and on Linux, a library OS from the
template, every header by itself, and clear words about what cannot be."""
import os
import pathlib
import subprocess
import tempfile

from tap_print import check, done, equal

SDK = pathlib.Path("build/sdk").resolve()
PROGRAM = r"""
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void handler(int number) { printf("handler %d\n", number); }
static void *square(void *n) { return (void *)((long)n * (long)n); }
static void *forever(void *n) { for (;;) pause(); return n; }

static void many(const char *self)
{
    int status, ends[2];
    void *result;
    pthread_t thread;
    pid_t child;
    char text[8] = "", *arguments[] = {(char *)self, "one", NULL};

    pipe(ends);
    if (!(child = fork()))
        _exit(write(ends[1], "child", 5) == 5 ? 7 : 1);
    waitpid(child, &status, 0);
    read(ends[0], text, 5);
    printf("fork: %s, status %d\n", text, WEXITSTATUS(status));
    if (!vfork())
        _exit(9);
    wait(&status);
    printf("vfork: status %d\n", WEXITSTATUS(status));
    pthread_create(&thread, NULL, square, (void *)12);
    pthread_join(thread, &result);
    printf("thread: %ld\n", (long)result);
    pthread_create(&thread, NULL, forever, NULL);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    printf("cancelled: %d\n", result == PTHREAD_CANCELED);
    fflush(stdout);
    posix_spawn(&child, self, NULL, NULL, arguments, environ);
    waitpid(child, &status, 0);
    printf("spawned: status %d\n", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
    struct stat info;
    char *memory = malloc(3 << 20), line[64] = "";

    for (int i = 1; i < argc; i++)
        printf("word %s\n", argv[i]);
    memset(memory, 1, 3 << 20);
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    printf("%s %d\n", strerror(stat("/none", &info) ? errno : 0), getppid() == getpid());
    while (argc == 1 && fgets(line, sizeof line, stdin))
        printf("line %s", line);
    fflush(stdout);
    if (argc > 1 && !strcmp(argv[1], "many"))
        many(argv[0]);
    fflush(stdout);
    fputs("to standard error\n", stderr);
    return argc + 20;
}
"""


def run(*words, **options):
    return subprocess.run([os.fspath(w) for w in words], capture_output=True, check=False, **options)


def outcome(end):
    return end.returncode, end.stdout, end.stderr


def test_compiler(work):
    """With headers and libraries found from a folder that the SDK was moved to."""
    moved = work / "moved sdk"
    run("cp", "-r", SDK, moved)
    (work / "link").symlink_to(moved / "bin/exo4-cc")
    (work / "program.c").write_text(PROGRAM)
    for compiler, name in ((SDK / "bin/exo4-cc", "program"), (work / "link", "other")):
        built = run(compiler, "-O2", "-Wall", "-o", work / name, work / "program.c")
        equal((built.returncode, b"error" in built.stderr), (0, False), f"{name} is compiled and linked")
    (work / "math.c").write_text("#include <math.h>\nint main(int c, char **v) { return (int)sqrt(c * 49.0); }\n")
    steps = run(SDK / "bin/exo4-cc", "-c", work / "math.c", "-o", work / "math.o")
    linked = run(SDK / "bin/exo4-cc", work / "math.o", "-o", work / "math", "-lm")
    equal((steps.returncode, linked.returncode, run(work / "math").returncode), (0, 0, 7),
          "compiled and linked in two steps, with -lm")
    shared = run(SDK / "bin/exo4-cc", "-shared", work / "program.c", "-o", work / "shared.so")
    check(shared.returncode and b"no shared libraries" in shared.stderr, "-shared is refused in words",
          shared.stderr)


def test_one_binary(work):
    """The same file on Linux and on exo4, in both ways."""
    runner = [SDK / "bin/exo4-run", "--timeout", "60"]
    data = b"first\nlast without end"
    for words, ways in (([], ("libos",)), (["a b", "c"], ("libos", "trampoline")), (["many"], ("trampoline",))):
        here = run(work / "program", *words, input=data)
        check(here.returncode == len(words) + 21, f"{words} on Linux", outcome(here))
        for way in ways:
            there = run(*runner, "--via", way, work / "other", *words, input=data)
            equal(outcome(there), outcome(here), f"{words}: the same on exo4 by {way}")


def test_runner_misuse(work):
    for words, text in ((["/none/program"], b"no such file"), ([work / "program.c"], b"no ELF program"),
                        ([], b"required"), (["--smp", "0", work / "program"], b"SMP=0"),
                        (["--app", work / "program", "a b"], b"no spaces")):
        end = run(SDK / "bin/exo4-run", *words)
        check(end.returncode == 64 and text in end.stderr and b"Traceback" not in end.stderr,
              f"exo4-run {' '.join(map(str, words))[-30:]}: refused", outcome(end))


def make_new(folder):
    return run("make", "--no-print-directory", "new", f"APP={folder}")


def test_template(work):
    app = work / "new/app"
    made = make_new(app)
    equal(made.returncode, 0, "make new makes a folder")
    end = run("make", "-s", "-C", app, "run", "WORDS=one two")
    equal((end.returncode, end.stdout), (0, b"word 1: one\nword 2: two\n8191 squared is 67092481\n"
                                            b"12 squared is 144\n2 pages of 16 were computed\n"),
          "which boots with one command")
    again, nothing = make_new(app), make_new("")
    check(again.returncode and b"something already" in again.stderr, "a folder with files is left alone",
          again.stderr)
    check(nothing.returncode and b"APP is missing" in nothing.stderr, "no name is no folder", nothing.stderr)
    source = app / "app.c"
    source.write_text(source.read_text().replace("TABLE[12]", "TABLE[ENTRIES]"))
    run("make", "-s", "-C", app)
    end = run(SDK / "bin/exo4-run", "--app", app / "app.elf")
    equal(end.returncode, 139, "and ends by a fault where its own handler says no")


def test_headers():
    flags = run("pkg-config", "--cflags", "libos-net",
                env=dict(os.environ, PKG_CONFIG_PATH=os.fspath(SDK / "lib/pkgconfig")))
    include = SDK / "include/exo4"
    names = [path.relative_to(include) for folder in ("exo/abi", "libos", "libos-net", "l4")
             for path in sorted((include / folder).glob("*.h"))]
    bad = [name for name in names
           if run("gcc", "-fsyntax-only", "-xc", *flags.stdout.decode().split(), "-",
                  input=f'#include "{name}"\n'.encode()).returncode]
    check(len(names) > 60 and not bad, f"each of {len(names)} headers can be included alone", bad)


def main():
    with tempfile.TemporaryDirectory(prefix="exo4-sdk-") as folder:
        work = pathlib.Path(folder)
        test_compiler(work)
        test_one_binary(work)
        test_runner_misuse(work)
        test_template(work)
        test_headers()
    done()


main()
