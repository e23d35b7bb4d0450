/* The port where there is no network card. */
#include "libos-posix/port.h"

bool port_net_get(struct port_net *out)
{
    (void)out;
    return false;
}

bool port_net_receive(uint32_t *buffer, const uint8_t **bytes, uint32_t *length, bool *is_tested)
{
    (void)buffer, (void)bytes, (void)length, (void)is_tested;
    return false;
}

void port_net_free(uint32_t buffer)
{
    (void)buffer;
}

uint8_t *port_net_room(void)
{
    return NULL;
}

void port_net_send(uint32_t length)
{
    (void)length;
}

void port_net_flush(void)
{
}
