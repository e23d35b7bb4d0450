/* Reading HTTP requests: request line, fields, path. */
#include "libos-net/examples/http_parse.h"

/* A piece of the request. */
struct piece {
    const char *at;
    size_t count;
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* RFC 9110, "Tokens". */
static bool is_token_char(char c)
{
    if (is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z'))
        return true;
    for (const char *s = "!#$%&'*+-.^_`|~"; *s; s++)
        if (c == *s)
            return true;
    return false;
}

static bool is_token(struct piece p)
{
    for (size_t i = 0; i < p.count; i++)
        if (!is_token_char(p.at[i]))
            return false;
    return p.count > 0;
}

/* Equal but for the case of letters; `name` is in lower case. */
static bool is_named(struct piece p, const char *name)
{
    size_t i = 0;

    for (; i < p.count && name[i]; i++)
        if (lower(p.at[i]) != name[i])
            return false;
    return i == p.count && !name[i];
}

/* Methods are told apart by case, too. */
static bool is_exactly(struct piece p, const char *name)
{
    size_t i = 0;

    for (; i < p.count && name[i]; i++)
        if (p.at[i] != name[i])
            return false;
    return i == p.count && !name[i];
}

static struct piece trim(struct piece p)
{
    while (p.count && (p.at[0] == ' ' || p.at[0] == '\t')) {
        p.at++;
        p.count--;
    }
    while (p.count && (p.at[p.count - 1] == ' ' || p.at[p.count - 1] == '\t'))
        p.count--;
    return p;
}

/* Cuts off what stands before the first `c`; all of it when there is none. */
static struct piece cut(struct piece *rest, char c)
{
    struct piece first = {rest->at, 0};

    while (first.count < rest->count && first.at[first.count] != c)
        first.count++;
    size_t gone = first.count + (first.count < rest->count);
    rest->at += gone;
    rest->count -= gone;
    return first;
}

/* Takes a line that ends with CR LF or LF. False when its end is not there. */
static bool next_line(struct piece *rest, struct piece *line)
{
    for (size_t i = 0; i < rest->count; i++)
        if (rest->at[i] == '\n') {
            *line = (struct piece){rest->at, i};
            if (i > 0 && rest->at[i - 1] == '\r')
                line->count--;
            rest->at += i + 1;
            rest->count -= i + 1;
            return true;
        }
    return false;
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes one character of a path, decoding %XX. -1: it is not one. */
static int next_path_char(struct piece *rest)
{
    int value = (unsigned char)rest->at[0];
    size_t used = 1;

    if (value == '%') {
        int high = rest->count >= 3 ? hex_value(rest->at[1]) : -1;
        int low = rest->count >= 3 ? hex_value(rest->at[2]) : -1;
        if (high < 0 || low < 0)
            return -1;
        value = high * 16 + low;
        used = 3;
    }
    rest->at += used;
    rest->count -= used;
    return value < ' ' || value == 0x7f ? -1 : value;
}

/* Takes the scheme and the authority away from an absolute target. */
static struct piece without_authority(struct piece target)
{
    static const char scheme[] = "http://";
    struct piece rest = target;

    for (size_t i = 0; scheme[i]; i++)
        if (i >= target.count || lower(target.at[i]) != scheme[i])
            return target;
    rest.at += sizeof scheme - 1;
    rest.count -= sizeof scheme - 1;
    while (rest.count && rest.at[0] != '/' && rest.at[0] != '?') {
        rest.at++;
        rest.count--;
    }
    if (rest.count == 0 || rest.at[0] == '?')
        return (struct piece){"/", 1};
    return rest;
}

/* Ends the part of `path` that began behind the last '/': `.` and `..` go. `used` counts bytes that
 * are there; the new count, or 0 when `..` leaves the root. */
static size_t end_part(const char *path, size_t used)
{
    size_t begin = used;

    while (path[begin - 1] != '/')
        begin--;
    size_t bytes = used - begin;
    if (bytes == 1 && path[begin] == '.')
        return begin;
    if (bytes == 2 && path[begin] == '.' && path[begin + 1] == '.') {
        if (begin == 1)
            return 0;
        begin--; /* the '/' in front */
        while (path[begin - 1] != '/')
            begin--;
        return begin;
    }
    return used;
}

enum http_status http_path(const char *target, size_t count, char path[HTTP_PATH_MAX])
{
    struct piece rest = without_authority((struct piece){target, count});
    if (rest.count == 0 || rest.at[0] != '/')
        return HTTP_BAD_REQUEST;

    size_t used = 0;
    path[used++] = '/';
    while (rest.count && rest.at[0] != '?' && rest.at[0] != '#') {
        int c = next_path_char(&rest);
        if (c < 0)
            return HTTP_BAD_REQUEST;
        if (used + 1 >= HTTP_PATH_MAX)
            return HTTP_TARGET_TOO_LONG;
        if (c != '/') {
            path[used++] = (char)c;
            continue;
        }
        used = end_part(path, used);
        if (used == 0)
            return HTTP_BAD_REQUEST;
        if (path[used - 1] != '/')
            path[used++] = '/';
    }
    used = end_part(path, used);
    if (used == 0)
        return HTTP_BAD_REQUEST;
    path[used] = '\0';
    return HTTP_OK;
}

bool http_is_hidden(const char *path)
{
    static const char system[] = "/.exo4";
    size_t i = 0;

    for (; system[i]; i++)
        if (path[i] != system[i])
            return false;
    return path[i] == '\0' || path[i] == '/';
}

/* GET and HEAD are served; others have a status of their own. */
static enum http_status read_method(struct piece method, struct http_request *out)
{
    static const char *const known[] = {"POST",    "PUT",   "DELETE", "CONNECT",
                                        "OPTIONS", "TRACE", "PATCH"};

    if (!is_token(method))
        return HTTP_BAD_REQUEST;
    out->head = is_exactly(method, "HEAD");
    if (out->head || is_exactly(method, "GET"))
        return HTTP_OK;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (is_exactly(method, known[i]))
            return HTTP_BAD_METHOD;
    return HTTP_NOT_IMPLEMENTED;
}

static enum http_status read_version(struct piece version, bool *is_11)
{
    static const char name[] = "HTTP/";

    if (version.count != 8 || version.at[6] != '.' || !is_digit(version.at[5]) ||
        !is_digit(version.at[7]))
        return HTTP_BAD_REQUEST;
    for (size_t i = 0; name[i]; i++)
        if (version.at[i] != name[i])
            return HTTP_BAD_REQUEST;
    *is_11 = version.at[7] != '0';
    return version.at[5] == '1' ? HTTP_OK : HTTP_BAD_VERSION;
}

static enum http_status read_request_line(struct piece line, struct http_request *out, bool *is_11)
{
    struct piece method = cut(&line, ' ');
    struct piece target = cut(&line, ' ');
    enum http_status version = read_version(line, is_11);
    if (version != HTTP_OK)
        return version;

    enum http_status s = read_method(method, out);
    return s == HTTP_OK ? http_path(target.at, target.count, out->path) : s;
}

/* What the fields said so far. */
struct fields {
    bool close, keep_alive;
    bool has_length, has_coding;
    unsigned hosts;
    uint32_t length;
};

static enum http_status read_length(struct piece value, struct fields *f)
{
    uint64_t length = 0;

    if (value.count == 0)
        return HTTP_BAD_REQUEST;
    for (size_t i = 0; i < value.count; i++) {
        if (!is_digit(value.at[i]))
            return HTTP_BAD_REQUEST;
        length = length * 10 + (uint64_t)(value.at[i] - '0');
        if (length > UINT32_MAX)
            length = UINT32_MAX; /* too large in any case */
    }
    if (f->has_length && f->length != length)
        return HTTP_BAD_REQUEST;
    f->has_length = true;
    f->length = (uint32_t)length;
    return HTTP_OK;
}

static void read_connection(struct piece value, struct fields *f)
{
    while (value.count) {
        struct piece option = trim(cut(&value, ','));
        f->close |= is_named(option, "close");
        f->keep_alive |= is_named(option, "keep-alive");
    }
}

static enum http_status read_field(struct piece line, struct fields *f)
{
    struct piece value = line;
    struct piece name = cut(&value, ':');

    if (name.count == line.count || !is_token(name)) /* no colon, or a continued line */
        return HTTP_BAD_REQUEST;
    value = trim(value);
    for (size_t i = 0; i < value.count; i++)
        if ((unsigned char)value.at[i] < ' ' && value.at[i] != '\t')
            return HTTP_BAD_REQUEST;

    if (is_named(name, "content-length"))
        return read_length(value, f);
    if (is_named(name, "connection"))
        read_connection(value, f);
    f->has_coding |= is_named(name, "transfer-encoding");
    f->hosts += is_named(name, "host");
    return HTTP_OK;
}

/* What all fields together mean. */
static enum http_status conclude(const struct fields *f, bool is_11, struct http_request *out)
{
    if (f->hosts > 1 || (is_11 && f->hosts == 0) || (f->has_length && f->has_coding))
        return HTTP_BAD_REQUEST;
    if (f->has_coding)
        return HTTP_NOT_IMPLEMENTED;
    if (f->length > HTTP_BODY_MAX)
        return HTTP_BODY_TOO_LARGE;
    out->body = f->length;
    out->keep_alive = !f->close && (is_11 || f->keep_alive);
    return HTTP_OK;
}

enum http_status http_parse(const char *bytes, size_t count, struct http_request *out)
{
    struct piece rest = {bytes, count < HTTP_HEAD_MAX ? count : HTTP_HEAD_MAX};
    const enum http_status unfinished = count < HTTP_HEAD_MAX ? HTTP_MORE : HTTP_HEAD_TOO_LARGE;
    struct fields fields = {0};
    struct piece line;
    bool is_11 = false;

    *out = (struct http_request){0};
    do {
        if (!next_line(&rest, &line)) {
            /* A line that fills the whole head is one endless target. */
            return unfinished == HTTP_MORE ? HTTP_MORE : HTTP_TARGET_TOO_LONG;
        }
    } while (line.count == 0); /* RFC 9112, "Message Parsing": empty lines in front are ignored */

    enum http_status s = read_request_line(line, out, &is_11);
    while (s == HTTP_OK) {
        if (!next_line(&rest, &line))
            return unfinished;
        if (line.count == 0)
            break;
        s = read_field(line, &fields);
    }
    if (s == HTTP_OK)
        s = conclude(&fields, is_11, out);
    out->head_size = (size_t)(rest.at - bytes);
    return s;
}

const char *http_media_type(const char *path)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {"html", "text/html; charset=utf-8"},
        {"htm", "text/html; charset=utf-8"},
        {"css", "text/css; charset=utf-8"},
        {"js", "text/javascript; charset=utf-8"},
        {"json", "application/json"},
        {"txt", "text/plain; charset=utf-8"},
        {"md", "text/plain; charset=utf-8"},
        {"c", "text/plain; charset=utf-8"},
        {"h", "text/plain; charset=utf-8"},
        {"xml", "application/xml"},
        {"svg", "image/svg+xml"},
        {"png", "image/png"},
        {"jpg", "image/jpeg"},
        {"jpeg", "image/jpeg"},
        {"gif", "image/gif"},
        {"ico", "image/vnd.microsoft.icon"},
        {"pdf", "application/pdf"},
        {"wasm", "application/wasm"},
    };
    const char *ending = NULL;

    for (const char *s = path; *s; s++)
        if (*s == '.' || *s == '/')
            ending = *s == '.' ? s + 1 : NULL;
    struct piece p = {ending, 0};
    while (ending && ending[p.count])
        p.count++;
    for (size_t i = 0; ending && i < sizeof types / sizeof types[0]; i++)
        if (is_named(p, types[i].ending))
            return types[i].type;
    return "application/octet-stream";
}

const char *http_reason(enum http_status status)
{
    switch (status) {
    case HTTP_OK:
        return "OK";
    case HTTP_MOVED:
        return "Moved Permanently";
    case HTTP_BAD_REQUEST:
        return "Bad Request";
    case HTTP_NOT_FOUND:
        return "Not Found";
    case HTTP_BAD_METHOD:
        return "Method Not Allowed";
    case HTTP_TIMEOUT:
        return "Request Timeout";
    case HTTP_BODY_TOO_LARGE:
        return "Content Too Large";
    case HTTP_TARGET_TOO_LONG:
        return "URI Too Long";
    case HTTP_HEAD_TOO_LARGE:
        return "Request Header Fields Too Large";
    case HTTP_NOT_IMPLEMENTED:
        return "Not Implemented";
    case HTTP_UNAVAILABLE:
        return "Service Unavailable";
    case HTTP_BAD_VERSION:
        return "HTTP Version Not Supported";
    case HTTP_MORE:
        break;
    }
    return "";
}
