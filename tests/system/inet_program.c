/* Sockets of the Internet between processes, in ways whose results are the same on every system:
 * what it prints here is compared with what it prints on Linux. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>

static struct sockaddr_in here = {.sin_family = AF_INET};

/* A result, with the error when there is one. */
static long say(const char *what, long result)
{
    printf("%s: %ld%s%s\n", what, result, result < 0 ? " " : "", result < 0 ? strerror(errno) : "");
    fflush(stdout);
    return result;
}

static int listener(void)
{
    socklen_t bytes = sizeof here;
    int s = socket(AF_INET, SOCK_STREAM, 0);

    here.sin_port = 0;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(s, (struct sockaddr *)&here, sizeof here) || listen(s, 5) ||
        getsockname(s, (struct sockaddr *)&here, &bytes))
        exit(9);
    return s;
}

static int connected(void)
{
    int s = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(s, (struct sockaddr *)&here, sizeof here))
        exit(8);
    return s;
}

static void end_of(pid_t pid)
{
    int status = -1;

    waitpid(pid, &status, 0);
    say("the child", status);
}

/* A child serves what it inherited, one connection after the other. */
static void inherited(void)
{
    char bytes[100];
    int s = listener();
    pid_t pid = fork();

    if (!pid) {
        for (int i = 0; i < 3; i++) {
            int c = accept(s, NULL, NULL);
            long n = read(c, bytes, sizeof bytes);
            if (n > 0 && write(c, bytes, (size_t)n) != n)
                _exit(2);
            close(c);
        }
        _exit(0);
    }
    close(s);
    for (int i = 0; i < 3; i++) {
        int c = connected();
        say("asked", write(c, "question", 8));
        say("answered", read(c, bytes, sizeof bytes));
        say("the end", read(c, bytes, sizeof bytes));
        close(c);
    }
    end_of(pid);
    int c = socket(AF_INET, SOCK_STREAM, 0);
    say("nobody", connect(c, (struct sockaddr *)&here, sizeof here));
    close(c);
}

/* A connection goes to another process over AF_UNIX. */
static void handed_over(void)
{
    int pair[2], s = listener(), c = connected();
    char byte = 'x', space[CMSG_SPACE(sizeof(int))] = {0}, bytes[100];
    struct iovec one = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &one, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};

    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pid_t pid = fork();
    if (!pid) {
        int got;
        close(c);
        close(s);
        if (recvmsg(pair[1], &m, 0) != 1)
            _exit(3);
        memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof got);
        _exit(write(got, "by another", 10) != 10);
    }
    int a = accept(s, NULL, NULL);
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(h), &a, sizeof a);
    say("handed over", sendmsg(pair[0], &m, 0));
    close(a);
    say("from there", read(c, bytes, sizeof bytes));
    end_of(pid);
    close(c);
    close(s);
    close(pair[0]);
    close(pair[1]);
}

static void without_waiting(void)
{
    struct sockaddr_in none = here;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET}, got[4];
    int error = -1, waits = 0, s = listener();
    int c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    socklen_t bytes = sizeof error;
    char buffer[100];

    fcntl(s, F_SETFL, O_NONBLOCK);
    say("none to accept", accept(s, NULL, NULL));
    long e = connect(c, (struct sockaddr *)&here, sizeof here);
    printf("connects: %d\n", e == 0 || errno == EINPROGRESS);
    struct pollfd p = {c, POLLOUT, 0};
    say("can write", poll(&p, 1, 5000));
    getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &bytes);
    say("without error", error);
    p = (struct pollfd){s, POLLIN, 0};
    say("can accept", poll(&p, 1, 5000));
    int a = accept4(s, NULL, NULL, SOCK_NONBLOCK), epoll = epoll_create1(0);
    say("nothing there", read(a, buffer, 1));
    event.data.fd = a;
    epoll_ctl(epoll, EPOLL_CTL_ADD, a, &event);
    say("no edge", epoll_wait(epoll, got, 4, 0));
    write(c, "12345", 5);
    say("an edge", epoll_wait(epoll, got, 4, 5000));
    say("and no other", epoll_wait(epoll, got, 4, 0));
    ioctl(a, FIONREAD, &waits);
    say("bytes wait", waits);
    shutdown(c, SHUT_WR);
    say("another", epoll_wait(epoll, got, 4, 5000));
    say("read", read(a, buffer, 100));
    say("end", read(a, buffer, 100));
    close(a);
    close(c);
    close(s);
    c = socket(AF_INET, SOCK_STREAM, 0);
    none.sin_port = here.sin_port;
    say("refused", connect(c, (struct sockaddr *)&none, sizeof none));
    close(c);
    close(epoll);
}

static int was_raised;
static void raised(int number)
{
    (void)number;
    was_raised++;
}

static void broken(void)
{
    int s = listener(), c = connected(), a = accept(s, NULL, NULL);
    struct linger now = {1, 0};
    char byte;

    signal(SIGPIPE, raised);
    setsockopt(a, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(a);
    say("reset", read(c, &byte, 1));
    say("then the end", read(c, &byte, 1));
    say("broken", write(c, "x", 1));
    say("quietly", send(c, "x", 1, MSG_NOSIGNAL));
    say("signals", was_raised);
    close(c);
    close(s);
}

static void datagrams(void)
{
    struct sockaddr_in from;
    socklen_t bytes = sizeof here;
    struct timeval limit = {0, 20000};
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
    char buffer[100];

    here.sin_port = 0;
    bind(a, (struct sockaddr *)&here, sizeof here);
    getsockname(a, (struct sockaddr *)&here, &bytes);
    say("sent", sendto(b, "one", 3, 0, (struct sockaddr *)&here, sizeof here));
    say("empty", sendto(b, "", 0, 0, (struct sockaddr *)&here, sizeof here));
    say("whole", recvfrom(a, buffer, 2, MSG_TRUNC, (struct sockaddr *)&from, &bytes));
    say("back", sendto(a, "two", 3, 0, (struct sockaddr *)&from, bytes));
    say("got", recv(b, buffer, 100, 0));
    say("nothing in it", recv(a, buffer, 100, 0));
    setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    say("too late", recv(a, buffer, 100, 0));
    close(a);
    connect(b, (struct sockaddr *)&here, sizeof here);
    write(b, "x", 1);
    say("nobody there", recv(b, buffer, 100, 0));
    close(b);
}

static void names(const char *name, int family)
{
    struct addrinfo want = {.ai_family = family, .ai_socktype = SOCK_STREAM}, *found = NULL;
    char text[100] = "";

    say("looked up", getaddrinfo(name, "80", &want, &found));
    if (found)
        getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
    printf("%s is %s\n", name, text);
    if (found)
        freeaddrinfo(found);
}

/* A file goes out without a copy of the program's. */
static void files(void)
{
    static char page[200000];
    int s = listener(), file = open("/tmp/inet-file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    long sum = 0, n;

    memset(page, 'p', sizeof page);
    write(file, page, sizeof page);
    pid_t pid = fork();
    if (!pid) {
        off_t at = 0;
        int c = connected();
        while (at < (off_t)sizeof page)
            if (sendfile(c, file, &at, sizeof page - (size_t)at) <= 0)
                _exit(4);
        _exit(0);
    }
    int a = accept(s, NULL, NULL);
    while ((n = read(a, page, 7000)) > 0)
        sum += n;
    say("of the file", sum);
    end_of(pid);
    close(a);
    close(s);
    unlink("/tmp/inet-file");
}

int main(void)
{
    inherited();
    handed_over();
    without_waiting();
    broken();
    datagrams();
    names("127.0.0.1", AF_INET);
    names("localhost", AF_INET);
    names("::1", AF_INET6);
    files();
    return 0;
}
