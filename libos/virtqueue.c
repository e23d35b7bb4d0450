/* The rare operations on a virtqueue of one's own. */
#include "libos/virtqueue.h"

void virtqueue_init(struct virtqueue *q, void *memory, uint16_t size)
{
    uint8_t *base = memory;

    *q = (struct virtqueue){
        .desc = (volatile struct virtq_desc *)(base + VIRTQ_AT_DESC),
        .avail = (volatile struct virtq_avail *)(base + VIRTQ_AT_AVAIL),
        .used = (const volatile struct virtq_used *)(base + VIRTQ_AT_USED),
        .size = size,
    };
    q->avail->flags = VIRTQ_AVAIL_NO_INTERRUPT;
}

bool virtqueue_interrupt(struct virtqueue *q, bool wanted)
{
    q->avail->flags = (uint16_t)(wanted ? 0 : VIRTQ_AVAIL_NO_INTERRUPT);
    /* The device reads the flag behind its writing of the used index; here it is the other way. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return virtqueue_ready(q);
}
