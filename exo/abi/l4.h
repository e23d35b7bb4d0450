/* Words of the L4 X.2 interface: IDs, tags, fpages, typed items, times, errors, protocols. L4 X.2
 * reference manual; values as L4Ka::Pistachio's for 64 bits. */
#pragma once

#include "exo/abi/types.h"

#define L4_NIL          ((word_t)0)
#define L4_ANY          (~(word_t)0)
#define L4_ANY_LOCAL    (~(word_t)63)
#define L4_IS_LOCAL(id) (((id)&63) == 0)

/* Message tag: label 63..16, E X r p 15..12, t 11..6, u 5..0. */
#define TAG_UNTYPED(tag)      ((unsigned)(tag)&63)
#define TAG_TYPED(tag)        ((unsigned)((tag) >> 6) & 63)
#define TAG_FLAGS             ((word_t)0xf000)
#define TAG_ERROR             ((word_t)1 << 15)
#define TAG_CROSS             ((word_t)1 << 14) /* from another CPU */
#define TAG_REDIRECTED        ((word_t)1 << 13) /* another was to get it */
#define TAG_PROPAGATED        ((word_t)1 << 12) /* in another's name */
#define TAG_MAKE(label, u, t) ((word_t)(label) << 16 | (word_t)(t) << 6 | (word_t)(u))

#define IPC_TIMEOUT            1u
#define IPC_NO_PARTNER         2u
#define IPC_CANCELLED          3u
#define IPC_OVERFLOW           4u
#define IPC_XFER_TIMEOUT       5u /* during a page fault of one's own, or of the partner's */
#define IPC_PARTNER_XFER       6u
#define IPC_ABORTED            7u
#define IPC_SEND_PHASE         0u
#define IPC_RECEIVE_PHASE      1u
#define IPC_ERROR(code, phase) ((word_t)(code) << 1 | (word_t)(phase))

/* An error code with the number of bytes copied, for IPC_ERROR. */
#define IPC_WITH_OFFSET(code, bytes) ((word_t)(bytes) << 3 | (word_t)(code))

#define TIME_NEVER 0u
#define TIME_ZERO  0x400u

/* Period: exponent 14..10, mantissa 9..0. Point: exponent 14..11, parity 10, mantissa 9..0. */
#define TIME_POINT             0x8000u
#define TIME_MANTISSA(t)       ((t)&0x3ff)
#define TIME_EXPONENT(t)       ((t) >> 10 & 31)
#define TIME_POINT_EXPONENT(t) ((t) >> 11 & 15)
#define TIME_POINT_PARITY(t)   ((t) >> 10 & 1)

#define ITEM_KIND(header) ((unsigned)(header)&0xe)
#define ITEM_MAP          0x8u
#define ITEM_GRANT        0xau

/* String items: length in bytes 63..10, another group follows c 9, substrings - 1 8..4, cache hints
 * 2..1; then an address for each substring. In a buffer register, bit 0: another buffer follows. */
#define ITEM_IS_STRING(header)    (((header)&8) == 0)
#define STRING_LENGTH(header)     ((header) >> 10)
#define STRING_IS_COMPOUND(h)     ((h) >> 9 & 1)
#define STRING_SUBSTRINGS(header) (((unsigned)((header) >> 4) & 31) + 1)
#define STRING_MORE_FOLLOWS       ((word_t)1)
#define ACCEPT_STRINGS            ((word_t)1)
#define BUFFER_REGISTERS          33u

/* Fpage: base 63..10, log2 of the size 9..4, r w x 2..0. */
#define FPAGE_BASE(f)  ((f) & ~(word_t)0x3ff)
#define FPAGE_BITS(f)  ((unsigned)((f) >> 4) & 63)
#define FPAGE_READ     4u
#define FPAGE_WRITE    2u
#define FPAGE_EXEC     1u
#define FPAGE_ALL      7u
#define FPAGE_COMPLETE ((word_t)0x10) /* without rights */

/* IO fpage: port 31..16, log2 of how many 15..10, and 2 where another has its size. */
#define FPAGE_IS_PORTS(f)       (FPAGE_BITS(f) == 2)
#define FPAGE_PORT(f)           ((uint32_t)((f) >> 16) & 0xffff)
#define FPAGE_PORT_BITS(f)      ((unsigned)((f) >> 10) & 63)
#define FPAGE_PORTS(port, bits) ((word_t)(port) << 16 | (word_t)(bits) << 10 | 2u << 4)

#define LABEL_INTERRUPT  ((word_t)-1 << 4)
#define LABEL_PAGE_FAULT ((word_t)-2 << 4)
#define LABEL_PREEMPTION ((word_t)-3 << 4)
#define LABEL_EXCEPTION  ((word_t)-5 << 4) /* of the architecture's kind */
#define LABEL_SIGMA0     ((word_t)-6 << 4)
#define LABEL_PORT_FAULT ((word_t)-8 << 4)

/* Flags in the lowest byte of TCR_FLAGS. */
#define PREEMPT_SIGNAL  0x20u /* s: tell the exception handler when the delay was too long */
#define PREEMPT_DELAY   0x40u /* d: delay preemption                                       */
#define PREEMPT_PENDING 0x80u /* I: it was delayed; the kernel sets it                     */

#define CALL_ERROR_NO_PRIVILEGE 1u /* ErrorCode of calls other than Ipc */
#define CALL_ERROR_THREAD       2u
#define CALL_ERROR_SPACE        3u
#define CALL_ERROR_SCHEDULER    4u
#define CALL_ERROR_PARAMETER    5u
#define CALL_ERROR_UTCB_AREA    6u
#define CALL_ERROR_KIP_AREA     7u
#define CALL_ERROR_NO_MEMORY    8u

/* Results of Schedule. */
enum {
    SCHEDULE_ERROR,
    SCHEDULE_DEAD,
    SCHEDULE_INACTIVE,
    SCHEDULE_RUNNING,
    SCHEDULE_PENDING_SEND,
    SCHEDULE_SENDING,
    SCHEDULE_WAITING,
    SCHEDULE_RECEIVING
};
#define SCHEDULE_UNCHANGED (~(word_t)0)

/* ExchangeRegisters: what its control asks for; of these, the lowest three are what it tells. */
#define EXREGS_HALTED   (1u << 0)
#define EXREGS_RECEIVE  (1u << 1)
#define EXREGS_SEND     (1u << 2)
#define EXREGS_SP       (1u << 3)
#define EXREGS_IP       (1u << 4)
#define EXREGS_FLAGS    (1u << 5)
#define EXREGS_HANDLE   (1u << 6)
#define EXREGS_PAGER    (1u << 7)
#define EXREGS_SET_HALT (1u << 8)
