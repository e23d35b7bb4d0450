/* Addresses of sockets as programs write them, and the sockets that they name. */
#pragma once

#include "libos-posix/channel/socket.h"

/* The file of a descriptor that must be a socket. EBADF, ENOTSOCK. */
long socket_get(const struct process *p, word_t fd, struct file **out);

/* A struct sockaddr_un. Nothing of the path: an empty name. EFAULT, EINVAL, EAFNOSUPPORT. */
long socket_name_read(struct process *p, vaddr_t at, word_t bytes, struct socket_name *out);

/* Writes it, cut to the room that *bytes_at says; *bytes_at becomes its whole length. */
long socket_name_write(struct process *p, const struct socket_name *name, vaddr_t at,
                       vaddr_t bytes_at);

/* The socket of a type that an address names. ECONNREFUSED: nobody has it; errors of paths. */
long socket_resolve(struct process *p, vaddr_t at, word_t bytes, uint32_t type,
                    struct socket **out);
