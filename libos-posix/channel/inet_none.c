/* For programs without sockets of the Internet. */
#include "libos-posix/channel/inet.h"

const struct inet_ops inet_ops = {0};
