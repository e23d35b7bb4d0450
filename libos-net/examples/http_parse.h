/*
 * What an HTTP client asks for (RFC 9110, RFC 9112): requests and paths. Pure functions over bytes,
 * which nobody is trusted to have sent well.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX 8192u  /* bytes of request line and fields: longer is 431              */
#define HTTP_PATH_MAX 1024u  /* bytes of the path, with its NUL: longer is 414               */
#define HTTP_BODY_MAX 65536u /* bytes of a body that is read and dropped: longer is 413      */

enum http_status {
    HTTP_MORE = 0, /* not a status: the request is not complete */
    HTTP_OK = 200,
    HTTP_MOVED = 301,
    HTTP_BAD_REQUEST = 400,
    HTTP_NOT_FOUND = 404,
    HTTP_BAD_METHOD = 405,
    HTTP_TIMEOUT = 408,
    HTTP_BODY_TOO_LARGE = 413,
    HTTP_TARGET_TOO_LONG = 414,
    HTTP_HEAD_TOO_LARGE = 431,
    HTTP_NOT_IMPLEMENTED = 501,
    HTTP_UNAVAILABLE = 503,
    HTTP_BAD_VERSION = 505
};

struct http_request {
    bool head;        /* HEAD: no body in the answer                                        */
    bool keep_alive;  /* the connection stays open after the answer                         */
    uint32_t body;    /* bytes that follow the head and are to be dropped                   */
    size_t head_size; /* bytes of the head, with the empty line                             */
    char path[HTTP_PATH_MAX]; /* decoded, without `.`, `..` and empty parts; begins with '/'; ends
                                 with '/' when the client wrote a directory                  */
};

/* Reads a request from the first of `count` bytes. HTTP_OK: *out is filled. HTTP_MORE: more bytes
 * may complete it. Else the status to answer with, after which the connection cannot be used. */
enum http_status http_parse(const char *bytes, size_t count, struct http_request *out);

/* Turns a request target (origin or absolute form) into a path of struct http_request: HTTP_OK,
 * HTTP_BAD_REQUEST (also for a way out of the root), or HTTP_TARGET_TOO_LONG. */
enum http_status http_path(const char *target, size_t count, char path[HTTP_PATH_MAX]);

/* Is `path` one that no client may see: the system's own files? */
bool http_is_hidden(const char *path);

/* The media type that a path's ending stands for. */
const char *http_media_type(const char *path);

/* The phrase that goes with a status. */
const char *http_reason(enum http_status status);
