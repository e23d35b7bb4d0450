/* <stdlib.h> for lwIP, which uses one function of it. */
#pragma once

static inline int atoi(const char *s)
{
    int value = 0;

    while (*s >= '0' && *s <= '9' && value < 1000000)
        value = value * 10 + (*s++ - '0');
    return value;
}
