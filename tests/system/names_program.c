/* What test_names.py runs here and on Linux: names become addresses, addresses names, by the C
 * library and whatever name server there is. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* All addresses, in the order of their text: servers may change theirs. */
static void look_up(const char *name, const char *service, int family)
{
    const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    char text[64][INET6_ADDRSTRLEN + 16];
    struct addrinfo *all;
    size_t count = 0;
    const int e = getaddrinfo(name, service, &hints, &all);

    printf("%s %d:", name, family == AF_UNSPEC ? 0 : family == AF_INET ? 4 : 6);
    if (e) {
        printf(" %s\n", gai_strerror(e));
        return;
    }
    for (const struct addrinfo *a = all; a && count < 64; a = a->ai_next) {
        char address[INET6_ADDRSTRLEN], port[8];
        getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof address, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
        snprintf(text[count++], sizeof text[0], "%s port %s", address, port);
    }
    freeaddrinfo(all);
    qsort(text, count, sizeof text[0], by_text);
    for (size_t i = 0; i < count; i++)
        printf(" %s,", text[i]);
    printf(" %zu\n", count);
}

static void look_back(const char *address)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    char name[256];

    inet_pton(AF_INET, address, &a.sin_addr);
    const int e =
        getnameinfo((struct sockaddr *)&a, sizeof a, name, sizeof name, NULL, 0, NI_NAMEREQD);
    printf("%s: %s\n", address, e ? gai_strerror(e) : name);
}

int main(void)
{
    static const char *const names[] = {"here.test",   "alias.test", "six.test",  "none.test",
                                        "empty.test",  "late.test",  "many.test", "localhost",
                                        "silent.test", "in.search",  "10.1.2.3",  "fd00::7"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        look_up(names[i], "80", AF_UNSPEC);
    look_up("here", "80", AF_INET); /* by the search list */
    look_up("here.test", "80", AF_INET6);
    look_back("10.0.4.1");
    look_back("10.0.4.77");
    return 0;
}
