/*
 * L4 X.2 data types: words, fpages, thread IDs, clock, time. For C and C++.
 *
 * Names and field names are those of the X.2 reference manual and of L4Ka::Pistachio's headers, so
 * that programs written to those compile.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define L4_ARCH_AMD64
#define L4_64BIT
#define L4_LITTLE_ENDIAN
#define L4_BITS_PER_WORD 64u

#define L4_INLINE static inline __attribute__((always_inline, unused))

typedef uint64_t L4_Word_t;
typedef uint8_t L4_Word8_t;
typedef uint16_t L4_Word16_t;
typedef uint32_t L4_Word32_t;
typedef uint64_t L4_Word64_t;
typedef int64_t L4_SignedWord_t;
typedef L4_Word_t L4_Bool_t;

/* ErrorCode of every call but Ipc. */
#define L4_ErrOk               0u
#define L4_ErrNoPrivilege      1u
#define L4_ErrInvalidThread    2u
#define L4_ErrInvalidSpace     3u
#define L4_ErrInvalidScheduler 4u
#define L4_ErrInvalidParam     5u
#define L4_ErrUtcbArea         6u
#define L4_ErrKipArea          7u
#define L4_ErrNoMem            8u

/* Fpages: `b` is the base / 1024, `s` log2 of the size. */
typedef union {
    L4_Word_t raw;
    struct {
        L4_Word_t rwx : 3;
        L4_Word_t reserved : 1;
        L4_Word_t s : 6;
        L4_Word_t b : 54;
    } X;
} L4_Fpage_t;

#define L4_Readable        0x4u
#define L4_Writable        0x2u
#define L4_eXecutable      0x1u
#define L4_FullyAccessible 0x7u
#define L4_ReadWriteOnly   0x6u
#define L4_ReadeXecOnly    0x5u
#define L4_NoAccess        0x0u

L4_INLINE L4_Fpage_t L4_FpageOf(L4_Word_t raw)
{
    L4_Fpage_t f;
    f.raw = raw;
    return f;
}

#define L4_Nilpage              (L4_FpageOf(0))
#define L4_CompleteAddressSpace (L4_FpageOf(0x10))

L4_INLINE L4_Bool_t L4_IsNilFpage(L4_Fpage_t f)
{
    return f.raw == 0;
}

L4_INLINE L4_Word_t L4_Rights(L4_Fpage_t f)
{
    return f.raw & 7;
}

L4_INLINE L4_Fpage_t L4_Set_Rights(L4_Fpage_t *f, L4_Word_t rwx)
{
    f->raw = (f->raw & ~(L4_Word_t)7) | (rwx & 7);
    return *f;
}

L4_INLINE L4_Fpage_t L4_FpageAddRights(L4_Fpage_t f, L4_Word_t rwx)
{
    return L4_FpageOf(f.raw | (rwx & 7));
}

L4_INLINE L4_Fpage_t L4_FpageAddRightsTo(L4_Fpage_t *f, L4_Word_t rwx)
{
    return *f = L4_FpageAddRights(*f, rwx);
}

L4_INLINE L4_Fpage_t L4_FpageRemoveRights(L4_Fpage_t f, L4_Word_t rwx)
{
    return L4_FpageOf(f.raw & ~(rwx & 7));
}

L4_INLINE L4_Fpage_t L4_FpageRemoveRightsFrom(L4_Fpage_t *f, L4_Word_t rwx)
{
    return *f = L4_FpageRemoveRights(*f, rwx);
}

L4_INLINE L4_Fpage_t L4_FpageLog2(L4_Word_t base, unsigned log2)
{
    return L4_FpageOf((base & ~(L4_Word_t)0x3ff) | ((L4_Word_t)log2 & 0x3f) << 4);
}

/* The smallest fpage that has `size` bytes. */
L4_INLINE L4_Fpage_t L4_Fpage(L4_Word_t base, L4_Word_t size)
{
    return L4_FpageLog2(base, size > 1 ? 64u - (unsigned)__builtin_clzl(size - 1) : 0);
}

L4_INLINE L4_Word_t L4_SizeLog2(L4_Fpage_t f)
{
    return f.X.s;
}

L4_INLINE L4_Word_t L4_Size(L4_Fpage_t f)
{
    return f.X.s ? (L4_Word_t)1 << f.X.s : 0;
}

/* An fpage's base is a multiple of its size: lower bits are ignored. */
L4_INLINE L4_Word_t L4_Address(L4_Fpage_t f)
{
    return f.raw & ~(L4_Word_t)0x3ff & ~(((L4_Word_t)1 << f.X.s) - 1);
}

/* Thread IDs. A global one's version has low 6 bits that are not all 0; a local one is the address
 * of MR0 in the thread's UTCB. */
typedef union {
    L4_Word_t raw;
    struct {
        L4_Word_t version : 32;
        L4_Word_t thread_no : 32;
    } X;
} L4_GthreadId_t;

typedef union {
    L4_Word_t raw;
    struct {
        L4_Word_t __zeros : 6;
        L4_Word_t local_id : 58;
    } X;
} L4_LthreadId_t;

typedef union {
    L4_Word_t raw;
    L4_GthreadId_t global;
    L4_LthreadId_t local;
} L4_ThreadId_t;

L4_INLINE L4_ThreadId_t L4_ThreadIdOf(L4_Word_t raw)
{
    L4_ThreadId_t t;
    t.raw = raw;
    return t;
}

#define L4_nilthread      (L4_ThreadIdOf(0))
#define L4_anythread      (L4_ThreadIdOf(~(L4_Word_t)0))
#define L4_anylocalthread (L4_ThreadIdOf(~(L4_Word_t)0x3f))

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

L4_INLINE L4_Bool_t L4_IsThreadEqual(L4_ThreadId_t l, L4_ThreadId_t r)
{
    return l.raw == r.raw;
}

L4_INLINE L4_Bool_t L4_IsThreadNotEqual(L4_ThreadId_t l, L4_ThreadId_t r)
{
    return l.raw != r.raw;
}

L4_INLINE L4_Bool_t L4_IsNilThread(L4_ThreadId_t t)
{
    return t.raw == 0;
}

L4_INLINE L4_Bool_t L4_IsLocalId(L4_ThreadId_t t)
{
    return (t.raw & 0x3f) == 0;
}

L4_INLINE L4_Bool_t L4_IsGlobalId(L4_ThreadId_t t)
{
    return (t.raw & 0x3f) != 0;
}

/* The system clock, in microseconds. */
typedef union {
    L4_Word64_t raw;
    struct {
        L4_Word32_t low;
        L4_Word32_t high;
    } X;
} L4_Clock_t;

L4_INLINE L4_Clock_t L4_ClockOf(L4_Word64_t raw)
{
    L4_Clock_t c;
    c.raw = raw;
    return c;
}

L4_INLINE L4_Clock_t L4_ClockAddUsec(L4_Clock_t c, L4_Word64_t microseconds)
{
    return L4_ClockOf(c.raw + microseconds);
}

L4_INLINE L4_Clock_t L4_ClockSubUsec(L4_Clock_t c, L4_Word64_t microseconds)
{
    return L4_ClockOf(c.raw - microseconds);
}

L4_INLINE L4_Bool_t L4_IsClockEarlier(L4_Clock_t l, L4_Clock_t r)
{
    return l.raw < r.raw;
}

L4_INLINE L4_Bool_t L4_IsClockLater(L4_Clock_t l, L4_Clock_t r)
{
    return l.raw > r.raw;
}

L4_INLINE L4_Bool_t L4_IsClockEqual(L4_Clock_t l, L4_Clock_t r)
{
    return l.raw == r.raw;
}

L4_INLINE L4_Bool_t L4_IsClockNotEqual(L4_Clock_t l, L4_Clock_t r)
{
    return l.raw != r.raw;
}

/* Time, in 16 bits. A period is m * 2^e microseconds. A point is where the clock, divided by 2^e,
 * has the low bits m and above them the bit c. */
typedef union {
    L4_Word16_t raw;
    struct {
        L4_Word16_t m : 10;
        L4_Word16_t e : 5;
        L4_Word16_t a : 1;
    } period;
    struct {
        L4_Word16_t m : 10;
        L4_Word16_t c : 1;
        L4_Word16_t e : 4;
        L4_Word16_t a : 1;
    } point;
} L4_Time_t;

L4_INLINE L4_Time_t L4_TimeOf(unsigned raw)
{
    L4_Time_t t;
    t.raw = (L4_Word16_t)raw;
    return t;
}

#define L4_Never    (L4_TimeOf(0))
#define L4_ZeroTime (L4_TimeOf(1u << 10))

/* The longest period not above `microseconds`; more than 2^41 are never. */
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

/* The last point of time not behind `at`, seen from `now`; never, when that is more than 2^25
 * microseconds ahead or past. */
L4_INLINE L4_Time_t L4_TimePointFrom(L4_Clock_t now, L4_Clock_t at)
{
    L4_Word64_t distance = at.raw - now.raw;
    unsigned exponent = 0;

    if (at.raw < now.raw || distance >> 25)
        return L4_Never;
    while (distance >> (10 + exponent))
        exponent++;
    if (exponent > 15)
        return L4_Never;
    return L4_TimeOf(1u << 15 | exponent << 11 | (unsigned)(at.raw >> (exponent + 10) & 1) << 10 |
                     (unsigned)(at.raw >> exponent & 0x3ff));
}

#ifdef __cplusplus
static inline L4_Fpage_t operator+(L4_Fpage_t f, L4_Word_t rwx)
{
    return L4_FpageAddRights(f, rwx);
}
static inline L4_Fpage_t operator+=(L4_Fpage_t &f, L4_Word_t rwx)
{
    return L4_FpageAddRightsTo(&f, rwx);
}
static inline L4_Fpage_t operator-(L4_Fpage_t f, L4_Word_t rwx)
{
    return L4_FpageRemoveRights(f, rwx);
}
static inline L4_Fpage_t operator-=(L4_Fpage_t &f, L4_Word_t rwx)
{
    return L4_FpageRemoveRightsFrom(&f, rwx);
}
static inline bool operator==(L4_ThreadId_t l, L4_ThreadId_t r)
{
    return l.raw == r.raw;
}
static inline bool operator!=(L4_ThreadId_t l, L4_ThreadId_t r)
{
    return l.raw != r.raw;
}
static inline L4_Clock_t operator+(L4_Clock_t l, int r)
{
    return L4_ClockOf(l.raw + (L4_Word64_t)r);
}
static inline L4_Clock_t operator+(L4_Clock_t l, L4_Word64_t r)
{
    return L4_ClockOf(l.raw + r);
}
static inline L4_Clock_t operator+(L4_Clock_t l, L4_Clock_t r)
{
    return L4_ClockOf(l.raw + r.raw);
}
static inline L4_Clock_t operator-(L4_Clock_t l, int r)
{
    return L4_ClockOf(l.raw - (L4_Word64_t)r);
}
static inline L4_Clock_t operator-(L4_Clock_t l, L4_Word64_t r)
{
    return L4_ClockOf(l.raw - r);
}
static inline L4_Clock_t operator-(L4_Clock_t l, L4_Clock_t r)
{
    return L4_ClockOf(l.raw - r.raw);
}
static inline bool operator<(L4_Clock_t l, L4_Clock_t r)
{
    return l.raw < r.raw;
}
static inline bool operator>(L4_Clock_t l, L4_Clock_t r)
{
    return l.raw > r.raw;
}
static inline bool operator<=(L4_Clock_t l, L4_Clock_t r)
{
    return l.raw <= r.raw;
}
static inline bool operator>=(L4_Clock_t l, L4_Clock_t r)
{
    return l.raw >= r.raw;
}
static inline bool operator==(L4_Clock_t l, L4_Clock_t r)
{
    return l.raw == r.raw;
}
static inline bool operator!=(L4_Clock_t l, L4_Clock_t r)
{
    return l.raw != r.raw;
}

/* Periods: what the manual's operators on Time mean. Never is longer than all. */
static inline L4_Word64_t L4_PeriodMicros(L4_Time_t t)
{
    return t.raw ? (L4_Word64_t)t.period.m << t.period.e : ~(L4_Word64_t)0;
}
static inline L4_Time_t operator+(L4_Time_t l, L4_Word_t microseconds)
{
    return l.raw ? L4_TimePeriod(L4_PeriodMicros(l) + microseconds) : L4_Never;
}
static inline L4_Time_t operator+=(L4_Time_t &l, L4_Word_t microseconds)
{
    return l = l + microseconds;
}
static inline L4_Time_t operator-(L4_Time_t l, L4_Word_t microseconds)
{
    L4_Word64_t have = L4_PeriodMicros(l);

    if (!l.raw)
        return L4_Never;
    return L4_TimePeriod(have > microseconds ? have - microseconds : 0);
}
static inline L4_Time_t operator-=(L4_Time_t &l, L4_Word_t microseconds)
{
    return l = l - microseconds;
}
static inline L4_Time_t operator+(L4_Time_t l, L4_Time_t r)
{
    return r.raw ? l + L4_PeriodMicros(r) : L4_Never;
}
static inline L4_Time_t operator-(L4_Time_t l, L4_Time_t r)
{
    return r.raw ? l - L4_PeriodMicros(r) : L4_ZeroTime;
}
static inline bool operator<(L4_Time_t l, L4_Time_t r)
{
    return L4_PeriodMicros(l) < L4_PeriodMicros(r);
}
static inline bool operator>(L4_Time_t l, L4_Time_t r)
{
    return r < l;
}
static inline bool operator<=(L4_Time_t l, L4_Time_t r)
{
    return !(r < l);
}
static inline bool operator>=(L4_Time_t l, L4_Time_t r)
{
    return !(l < r);
}
static inline bool operator==(L4_Time_t l, L4_Time_t r)
{
    return L4_PeriodMicros(l) == L4_PeriodMicros(r);
}
static inline bool operator!=(L4_Time_t l, L4_Time_t r)
{
    return !(l == r);
}
#endif
