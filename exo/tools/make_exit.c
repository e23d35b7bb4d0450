/*
 * A GNU make extension: lets `make exec` end with the status of the program that ran.
 *
 * Make itself ends with 2 whatever a recipe's status was. Loaded into make ("Loading Dynamic
 * Objects" in its manual), this adds $(exit-as-recorded PREFIX): when the file PREFIX<pid of make>
 * holds a number, make ends at once with that status; without the file nothing happens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <gnumake.h>

int plugin_is_GPL_compatible; /* make refuses objects without it */

int make_exit_gmk_setup(void);

static char *exit_as_recorded(const char *name, unsigned int argc, char **argv)
{
    char path[4096];
    int status;
    (void)name, (void)argc;

    snprintf(path, sizeof path, "%s%ld", argv[0], (long)getpid());
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    int fields = fscanf(file, "%d", &status);
    fclose(file);
    if (fields != 1)
        return NULL;
    unlink(path);
    exit(status);
}

int make_exit_gmk_setup(void)
{
    gmk_add_function("exit-as-recorded", exit_as_recorded, 1, 1, GMK_FUNC_DEFAULT);
    return 1;
}
