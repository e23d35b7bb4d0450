/*
 * HTTP/1.1 connections on lwIP's raw TCP API: requests in, answers out, in order, on connections
 * that stay open. What there is to see is asked of somebody else (http_find).
 *
 * A connection holds a fixed record and sends bodies from where they lie. One that stalls loses its
 * place after a while; when all places are taken the one idle longest makes room.
 */
#pragma once

#include "libos-net/examples/http_parse.h"

#define HTTP_CONNECTIONS 64u
#define HTTP_HALF_OPEN   192u /* beside them: a burst of clients is not a flood */
#define HTTP_READ_PATIENCE                                                                         \
    15000u                        /* milliseconds for a request to arrive, or a next one to begin  \
                                   */
#define HTTP_SEND_PATIENCE 30000u /* milliseconds without an acknowledgement */
#define HTTP_TURN          30000u /* milliseconds after which a slow reader may be turned out     */

/* What a path leads to. */
struct http_content {
    const char *bytes; /* readable until released                              */
    size_t count;
    const char *type; /* media type                                            */
    void *page;       /* memory to release when the answer has arrived, or NULL */
};

/* Defined by the application. HTTP_OK: *out is filled; HTTP_MOVED: the path is a directory and
 * lacks its '/'; or another status. */
enum http_status http_find(const char *path, struct http_content *out);
void http_release(void *page);
uint64_t http_seconds(void); /* since 1970 */

/* Accepts connections on a port from now on. False: out of memory, or the port is taken. */
bool http_serve(uint16_t port);

/* For the curious. */
struct http_figures {
    uint32_t connections; /* open now */
    uint64_t accepted, answered, turned_out, refused;
};
const struct http_figures *http_figures(void);
