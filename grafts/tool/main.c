/* The host command `graft`: proves, checks, runs and shows grafts with the kernel's own code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exo/base/assert.h"
#include "grafts/jit.h"
#include "grafts/tool/arguments.h"
#include "grafts/tool/bench.h"
#include "grafts/tool/commands.h"
#include "grafts/tool/conform.h"

static const char usage[] =
    "usage: graft prove IN.o [-o OUT.o] [-v] [--explain]   link it, find its proof, have it "
    "checked\n"
    "       graft check FILE.o            may it run in the kernel, and if not, why\n"
    "       graft run FILE.o HEX          run it on the packet HEX, print the result\n"
    "       graft disasm FILE.o           print its instructions, source lines and claims\n"
    "       graft dot FILE.o              print its flow and what is known there, for Graphviz\n"
    "       graft conform [HEX] [--jit|--interpret] [--program HEX]\n"
    "                                     plugin of the public conformance suite\n"
    "       graft bench FOLDER            compiled grafts beside clang's code\n"
    "       graft fsck IMAGE PLAN [-v]    who owns which blocks of a disk, by its templates\n"
    "with [--section NAME] [--function NAME] where the object holds several programs,\n"
    "and [--hook NAME] where the section is not called as its hook;\n"
    "run [--jit] as machine code, run and bench [--mask] against speculation\n";

/* As the suite's runners call a plugin: those that have no options for it, or no memory, may say so
 * by an empty word. */
static int command_conform(int count, char **words)
{
    struct arguments a;

    if (!arguments_read(&a, count, words, 0, 2, ARGUMENTS_JIT | ARGUMENTS_CONFORM))
        return COMMAND_USAGE;
    if ((a.count == 2 && a.words[1][0]) || (a.jit && a.interpret)) {
        fputs("graft: conform takes one memory, and --jit or --interpret\n", stderr);
        return COMMAND_USAGE;
    }
    return conform(a.count ? a.words[0] : NULL, a.program, a.jit);
}

static int command_bench(int count, char **words)
{
    struct arguments a;

    if (!arguments_read(&a, count, words, 1, 1, ARGUMENTS_MASK))
        return COMMAND_USAGE;
    return bench(a.words[0], a.mask ? GRAFT_JIT_MASK : 0);
}

static const struct {
    const char *name;
    int (*run)(int count, char **words);
} commands[] = {
    {"prove", command_prove}, {"check", command_check},   {"run", command_run},
    {"dot", command_dot},     {"disasm", command_disasm}, {"conform", command_conform},
    {"bench", command_bench}, {"fsck", command_fsck},
};

_Noreturn void panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "graft: %s:%d: %s does not hold: please report this\n", file, line, what);
    abort();
}

int main(int argc, char **argv)
{
    const size_t all = sizeof commands / sizeof commands[0];
    int result = COMMAND_USAGE;
    size_t i = 0;

    while (argc > 1 && i < all && strcmp(argv[1], commands[i].name))
        i++;
    if (argc > 1 && i < all)
        result = commands[i].run(argc - 2, argv + 2);
    else if (argc > 1)
        fprintf(stderr, "graft: %s is no command\n", argv[1]);
    if (result == COMMAND_USAGE)
        fputs(usage, stderr);
    return result;
}
