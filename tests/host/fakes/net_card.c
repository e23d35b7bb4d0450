/* A network card in the test's hands. */
#include "tests/host/fakes/net_card.h"

#include <string.h>

#include "bindings/checksum.h"
#include "libos-net/offload.h"
#include "libos-posix/port.h"
#include "tests/host/host.h"

struct fake_net fake_net;

static const uint8_t mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

bool port_net_get(struct port_net *out)
{
    out->mtu = 1500;
    out->sums = fake_net.sums;
    memcpy(out->mac, mac, sizeof mac);
    return fake_net.is_there;
}

/* A buffer is counted until it is given back. */
bool port_net_receive(uint32_t *buffer, const uint8_t **bytes, uint32_t *length, bool *is_tested)
{
    if (fake_net.first == fake_net.end)
        return false;
    const struct fake_packet *p = &fake_net.in[fake_net.first % FAKE_PACKETS];
    *buffer = fake_net.first++;
    *bytes = p->data;
    *length = p->bytes;
    *is_tested = fake_net.vouches;
    fake_net.held++;
    return true;
}

void port_net_free(uint32_t buffer)
{
    assert_true(buffer < fake_net.first && fake_net.held);
    fake_net.held--;
}

uint8_t *port_net_room(void)
{
    return fake_net.is_full ? NULL : fake_net.out[fake_net.sent % FAKE_PACKETS].data;
}

void port_net_send(uint32_t length)
{
    assert_true(length <= PORT_PACKET_MAX);
    struct fake_packet *p = &fake_net.out[fake_net.sent++ % FAKE_PACKETS];
    const uint32_t work = fake_net.sums ? offload_begin(p->data, length) : 0;

    p->bytes = length;
    if (!work)
        return;
    checksum_complete(p->data, length, CSUM_START(work), CSUM_OFFSET(work));
    fake_net.completed++;
}

void port_net_flush(void)
{
}

void fake_net_give(const void *data, uint32_t bytes)
{
    struct fake_packet *p = &fake_net.in[fake_net.end % FAKE_PACKETS];

    assert_true(fake_net.end - fake_net.first < FAKE_PACKETS && bytes <= FAKE_PACKET);
    memcpy(p->data, data, bytes);
    p->bytes = bytes;
    fake_net.end++;
}

const struct fake_packet *fake_net_sent(uint32_t back)
{
    assert_true(back < FAKE_PACKETS && back < fake_net.sent);
    return &fake_net.out[(fake_net.sent - 1 - back) % FAKE_PACKETS];
}
