/*
 * Servers over plain POSIX sockets, as an unmodified Linux program, for the lab (sockets.c):
 *
 *   sockets udp       echoes each datagram, from port 7
 *   sockets http      GET /N is answered with N bytes, from port 80; connections are kept alive
 *
 * The document lies in memory: no file is opened for a request. 400 and 404 end nothing; a
 * connection ends when the client closes it, or its request does not fit.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ECHO_PORT     7
#define HTTP_PORT     80
#define DATAGRAM_MOST 2048
#define REQUEST_MOST  4096
#define HEAD_MOST     128
#define DOCUMENT_MOST 1048576
#define EVENTS        64
#define BACKLOG       64
#define FILES_MOST    256 /* file numbers of connections are below */

struct connection {
    size_t used;
    char request[REQUEST_MOST + 1];
};

static struct connection *connections[FILES_MOST];
static char document[HEAD_MOST + DOCUMENT_MOST]; /* a head's room, then the bytes */

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int bound(int type, uint16_t port)
{
    const struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int fd = socket(AF_INET, type, 0);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&here, sizeof here))
        fail("socket");
    return fd;
}

static _Noreturn void echo(void)
{
    const int fd = bound(SOCK_DGRAM, ECHO_PORT);
    static char bytes[DATAGRAM_MOST];
    struct sockaddr_in from;

    for (;;) {
        socklen_t length = sizeof from;
        ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &length);
        if (n >= 0)
            n = sendto(fd, bytes, (size_t)n, 0, (const struct sockaddr *)&from, length);
        if (n < 0)
            fail("echo");
    }
}

static bool write_all(int fd, const char *bytes, size_t count)
{
    while (count) {
        const ssize_t n = write(fd, bytes, count);
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        if (n < 0 && (errno != EAGAIN || poll(&room, 1, -1) < 0))
            return false;
        if (n > 0) {
            bytes += n;
            count -= (size_t)n;
        }
    }
    return true;
}

/* The head is put right before the document, so that both are one write. */
static bool answer(int fd, const char *request)
{
    char head[HEAD_MOST], *end;
    const bool is_get = !strncmp(request, "GET /", 5);
    unsigned long count = is_get ? strtoul(request + 5, &end, 10) : 0;
    const char *status = !is_get ? "400 Bad Request" : "200 OK";

    if (is_get && (end == request + 5 || *end != ' ' || count > DOCUMENT_MOST)) {
        status = "404 Not Found";
        count = 0;
    }
    const int length = snprintf(head, sizeof head,
                                "HTTP/1.1 %s\r\nContent-Type: text/plain\r\n"
                                "Content-Length: %lu\r\n\r\n",
                                status, count);
    char *begin = document + HEAD_MOST - length;
    memcpy(begin, head, (size_t)length);
    return write_all(fd, begin, (size_t)length + count);
}

static void hang_up(int fd)
{
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

/* Takes what came, and answers each request that is whole. */
static void serve(int fd)
{
    struct connection *c = connections[fd];
    const ssize_t n = read(fd, c->request + c->used, REQUEST_MOST - c->used);

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            hang_up(fd);
        return;
    }
    c->used += (size_t)n;
    c->request[c->used] = '\0';
    char *begin = c->request, *end;
    for (; (end = strstr(begin, "\r\n\r\n")); begin = end + 4)
        if (!answer(fd, begin)) {
            hang_up(fd);
            return;
        }
    c->used -= (size_t)(begin - c->request);
    memmove(c->request, begin, c->used);
    if (c->used == REQUEST_MOST)
        hang_up(fd);
}

static void welcome(int poller, int listener)
{
    const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (fd < 0)
        return;
    connections[fd % FILES_MOST] = fd < FILES_MOST ? calloc(1, sizeof **connections) : NULL;
    if (fd >= FILES_MOST || !connections[fd] || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event))
        fail("accept");
}

static _Noreturn void http(void)
{
    const int listener = bound(SOCK_STREAM, HTTP_PORT), poller = epoll_create1(0);
    struct epoll_event events[EVENTS], first = {.events = EPOLLIN, .data.fd = listener};

    memset(document, 'x', sizeof document);
    if (listen(listener, BACKLOG) || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &first))
        fail("listen");
    for (;;) {
        const int count = epoll_wait(poller, events, EVENTS, -1);
        if (count < 0)
            fail("epoll_wait");
        for (int i = 0; i < count; i++)
            if (events[i].data.fd == listener)
                welcome(poller, listener);
            else
                serve(events[i].data.fd);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "udp"))
        echo();
    if (argc == 2 && !strcmp(argv[1], "http"))
        http();
    fprintf(stderr, "usage: sockets udp|http\n");
    return 64;
}
