/*
 * show: prints files with the number of their bytes, written against plain C and POSIX.
 *
 *   show FILE...
 *
 * Linked against musl with the overlay, every call that it makes is a procedure call into its own
 * library OS. Exit status: 0, or 1 when a file could not be read.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int show(const char *path)
{
    char line[256];
    struct stat s;
    FILE *f = fopen(path, "r");

    if (!f || fstat(fileno(f), &s)) {
        fprintf(stderr, "show: %s: %s\n", path, strerror(errno));
        if (f)
            fclose(f);
        return 1;
    }
    printf("%s: %lld bytes\n", path, (long long)s.st_size);
    while (fgets(line, sizeof line, f))
        fputs(line, stdout);
    int failed = ferror(f) != 0;
    fclose(f);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;

    for (int i = 1; i < argc; i++)
        failed |= show(argv[i]);
    return failed;
}
