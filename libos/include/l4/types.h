/* L4 X.2 data types: words, thread IDs, fpages, time, clock. For C and C++. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t L4_Word_t;
typedef uint64_t L4_Word64_t;
typedef int64_t L4_SignedWord_t;
typedef uint16_t L4_Word16_t;
typedef uint8_t L4_Bool_t;

#define L4_INLINE static inline __attribute__((always_inline, unused))

/* Thread IDs. A global one has the thread number in its upper half and a version in the lower,
 * whose low 6 bits are not all 0; a local one is the address of MR0 in the thread's UTCB. */
typedef struct {
    L4_Word_t raw;
} L4_ThreadId_t;

L4_INLINE L4_ThreadId_t L4_ThreadIdOf(L4_Word_t raw)
{
    L4_ThreadId_t t;
    t.raw = raw;
    return t;
}

#define L4_nilthread      (L4_ThreadIdOf(0))
#define L4_anythread      (L4_ThreadIdOf(~(L4_Word_t)0))
#define L4_anylocalthread (L4_ThreadIdOf(~(L4_Word_t)0 << 6))

L4_INLINE L4_ThreadId_t L4_GlobalId(L4_Word_t number, L4_Word_t version)
{
    return L4_ThreadIdOf(number << 32 | (version & 0xffffffffu));
}

L4_INLINE L4_Word_t L4_ThreadNo(L4_ThreadId_t t)
{
    return t.raw >> 32;
}

L4_INLINE L4_Word_t L4_Version(L4_ThreadId_t t)
{
    return t.raw & 0xffffffffu;
}

L4_INLINE L4_Bool_t L4_IsThreadEqual(L4_ThreadId_t a, L4_ThreadId_t b)
{
    return a.raw == b.raw;
}

L4_INLINE L4_Bool_t L4_IsThreadNotEqual(L4_ThreadId_t a, L4_ThreadId_t b)
{
    return a.raw != b.raw;
}

L4_INLINE L4_Bool_t L4_IsNilThread(L4_ThreadId_t t)
{
    return t.raw == 0;
}

L4_INLINE L4_Bool_t L4_IsLocalId(L4_ThreadId_t t)
{
    return (t.raw & 63) == 0;
}

L4_INLINE L4_Bool_t L4_IsGlobalId(L4_ThreadId_t t)
{
    return (t.raw & 63) != 0;
}

/* Fpages: base in bits 63 to 10, log2 of the size in bits 9 to 4, rights in bits 2 to 0. */
typedef struct {
    L4_Word_t raw;
} L4_Fpage_t;

#define L4_Readable        4u
#define L4_Writable        2u
#define L4_eXecutable      1u
#define L4_FullyAccessible 7u
#define L4_ReadWriteOnly   6u
#define L4_ReadeXecOnly    5u
#define L4_NoAccess        0u

L4_INLINE L4_Fpage_t L4_FpageOf(L4_Word_t raw)
{
    L4_Fpage_t f;
    f.raw = raw;
    return f;
}

#define L4_Nilpage              (L4_FpageOf(0))
#define L4_CompleteAddressSpace (L4_FpageOf(1u << 4))

L4_INLINE L4_Fpage_t L4_FpageLog2(L4_Word_t base, unsigned log2)
{
    return L4_FpageOf((base & ~(L4_Word_t)0x3ff) | (L4_Word_t)log2 << 4);
}

/* `size` is rounded down to a power of two. */
L4_INLINE L4_Fpage_t L4_Fpage(L4_Word_t base, L4_Word_t size)
{
    return L4_FpageLog2(base, size ? 63u - (unsigned)__builtin_clzl(size) : 0);
}

L4_INLINE L4_Word_t L4_SizeLog2(L4_Fpage_t f)
{
    return f.raw >> 4 & 0x3f;
}

L4_INLINE L4_Word_t L4_Size(L4_Fpage_t f)
{
    return f.raw >> 4 & 0x3f ? (L4_Word_t)1 << L4_SizeLog2(f) : 0;
}

/* An fpage's base is a multiple of its size: lower bits are ignored. */
L4_INLINE L4_Word_t L4_Address(L4_Fpage_t f)
{
    return f.raw & ~(L4_Word_t)0x3ff & ~(L4_Size(f) - 1);
}

L4_INLINE L4_Word_t L4_Rights(L4_Fpage_t f)
{
    return f.raw & 7;
}

L4_INLINE L4_Bool_t L4_IsNilFpage(L4_Fpage_t f)
{
    return f.raw == 0;
}

L4_INLINE L4_Fpage_t L4_FpageAddRights(L4_Fpage_t f, L4_Word_t rights)
{
    return L4_FpageOf(f.raw | (rights & 7));
}

L4_INLINE L4_Fpage_t L4_FpageRemoveRights(L4_Fpage_t f, L4_Word_t rights)
{
    return L4_FpageOf(f.raw & ~(rights & 7));
}

/* Time: 16 bits. A period is mantissa (bits 9 to 0) times 2^exponent (bits 14 to 10) microseconds.
 */
typedef struct {
    L4_Word16_t raw;
} L4_Time_t;

typedef struct {
    L4_Word64_t raw; /* microseconds */
} L4_Clock_t;

L4_INLINE L4_Time_t L4_TimeOf(unsigned raw)
{
    L4_Time_t t;
    t.raw = (L4_Word16_t)raw;
    return t;
}

#define L4_Never    (L4_TimeOf(0))
#define L4_ZeroTime (L4_TimeOf(1u << 10))

/* The longest period not above `microseconds`. */
L4_INLINE L4_Time_t L4_TimePeriod(L4_Word64_t microseconds)
{
    unsigned exponent = 0;

    if (!microseconds)
        return L4_ZeroTime;
    while (microseconds >> exponent > 0x3ff)
        exponent++;
    if (exponent > 31)
        return L4_Never;
    return L4_TimeOf(exponent << 10 | (unsigned)(microseconds >> exponent));
}

L4_INLINE L4_Word_t L4_Timeouts(L4_Time_t send, L4_Time_t receive)
{
    return (L4_Word_t)send.raw << 16 | receive.raw;
}

#ifdef __cplusplus
}
#endif
