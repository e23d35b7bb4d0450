/*
 * The key-value store (kv.h) as a program on POSIX sockets, linked with its library OS or a program
 * of Linux:
 *
 *   kv_sockets [PORT]     UDP, all addresses; 11211
 *
 * It takes all datagrams that are there by one call, and sends their answers by another. One
 * process, as the table is its own. Ends when it may not receive any more, with what is wrong.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "libos-net/examples/kv.h"

#define PORT          11211u
#define AT_ONCE       16u
#define DATAGRAM_MOST 2048u /* bytes; longer ones are no requests of the store */

static struct kv kv;
static struct mmsghdr in[AT_ONCE], out[AT_ONCE];
static struct iovec in_bytes[AT_ONCE], out_bytes[AT_ONCE];
static struct sockaddr_in6 from[AT_ONCE]; /* or struct sockaddr_in */
static _Alignas(8) uint8_t requests[AT_ONCE][DATAGRAM_MOST], answers[AT_ONCE][KV_ANSWER_MOST + 7];

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int open_port(uint16_t port)
{
    const struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&here, sizeof here))
        fail("kv_sockets");
    return fd;
}

/* Waits for one datagram; returns how many there are then, AT_ONCE at most. */
static unsigned receive(int fd)
{
    int count;

    for (unsigned i = 0; i < AT_ONCE; i++) {
        in_bytes[i] = (struct iovec){requests[i], DATAGRAM_MOST};
        in[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                        .msg_namelen = sizeof from[i],
                                        .msg_iov = &in_bytes[i],
                                        .msg_iovlen = 1};
    }
    do
        count = recvmmsg(fd, in, AT_ONCE, MSG_WAITFORONE, NULL);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        fail("kv_sockets: recvmmsg");
    return (unsigned)count;
}

/* An answer that cannot be sent is lost, as datagrams may be. */
static void send_all(int fd, unsigned count)
{
    for (unsigned done = 0; done < count;) {
        const int sent = sendmmsg(fd, out + done, count - done, 0);
        if (sent > 0)
            done += (unsigned)sent;
        else if (errno != EINTR)
            done++;
    }
}

static void serve(int fd)
{
    const unsigned count = receive(fd);
    unsigned answered = 0;

    kv.second = (uint64_t)time(NULL);
    for (unsigned i = 0; i < count; i++) {
        const bool whole = !(in[i].msg_hdr.msg_flags & MSG_TRUNC);
        const uint32_t bytes =
            whole ? kv_answer(&kv, requests[i], in[i].msg_len, answers[answered]) : 0;
        if (!bytes)
            continue;
        out_bytes[answered] = (struct iovec){answers[answered], bytes};
        out[answered].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                                .msg_namelen = in[i].msg_hdr.msg_namelen,
                                                .msg_iov = &out_bytes[answered],
                                                .msg_iovlen = 1};
        answered++;
    }
    send_all(fd, answered);
}

int main(int argc, char **argv)
{
    char *end = "";
    const unsigned long port = argc > 1 ? strtoul(argv[1], &end, 10) : PORT;

    if (argc > 2 || *end || port == 0 || port > UINT16_MAX) {
        fprintf(stderr, "usage: kv_sockets [PORT]\n");
        return 64;
    }
    const int fd = open_port((uint16_t)port);
    printf("kv_sockets: port %lu\n", port);
    fflush(stdout);
    for (;;)
        serve(fd);
}
