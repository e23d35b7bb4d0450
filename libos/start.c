/* From the first instruction to main(). */
#include "exo/abi/boot.h"
#include "libos/exit.h"

/* The strings of the start page may be one byte long each. */
#define START_STRINGS_MAX (STARTINFO_TEXT / 2)

int main(int argc, char **argv, char **envp);
_Noreturn void libos_start(struct startinfo *start);

static char *start_vector[START_STRINGS_MAX + 2]; /* argv, NULL, envp, NULL */

/* Strings are counted by who wrote the page; what does not fit it is left out. */
static char **read_strings(char **at, uint32_t count, char **text, const char *end)
{
    for (; count && *text < end && at < start_vector + START_STRINGS_MAX; count--) {
        *at++ = *text;
        while (*text < end && **text)
            ++*text;
        ++*text;
    }
    *at++ = NULL;
    return at;
}

_Noreturn void libos_start(struct startinfo *start)
{
    char *text = start->text;
    const char *end = start->text + sizeof start->text;
    char **argv = start_vector;
    char **envp = read_strings(argv, start->argc, &text, end);

    read_strings(envp, start->envc, &text, end);
    libos_exit(main((int)(envp - argv) - 1, argv, envp));
}
