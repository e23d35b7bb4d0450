/* The L4 X.2 kernel interface page, and what is read from it. Functions with a `kip` argument take
 * the page's address, as KernelInterface returns it. */
#pragma once

#include <l4/syscalls.h>
#include <l4/types.h>

#define L4_MAGIC 0x4be6344cu /* "L4", 230, "K" */

#define L4_APIVERSION_X2 0x84u

#define L4_APIFLAG_LE    0u
#define L4_APIFLAG_BE    1u
#define L4_APIFLAG_32BIT 0u
#define L4_APIFLAG_64BIT 1u

typedef union {
    L4_Word_t raw;
    struct {
        L4_Word_t __padding : 16;
        L4_Word_t subid : 8;
        L4_Word_t id : 8;
        L4_Word_t __high : 32;
    } X;
} L4_KernelId_t;

typedef union {
    L4_Word_t raw;
    struct {
        L4_Word_t __padding : 16;
        L4_Word_t subversion : 8;
        L4_Word_t version : 8;
        L4_Word_t __high : 32;
    } X;
} L4_ApiVersion_t;

typedef union {
    L4_Word_t raw;
    struct {
        L4_Word_t ee : 2;
        L4_Word_t ww : 2;
        L4_Word_t __padding : 60;
    } X;
} L4_ApiFlags_t;

typedef struct {
    L4_Word_t n : 32;
    L4_Word_t MemDescPtr : 32;
} L4_MemoryInfo_t;

typedef struct {
    L4_Word_t magic;
    L4_ApiVersion_t ApiVersion;
    L4_ApiFlags_t ApiFlags;
    L4_Word_t KernelVerPtr;
    L4_Word_t __boot[17]; /* what a boot loader writes */
    L4_MemoryInfo_t MemoryInfo;
    L4_Word_t __padding0[20];
    union {
        L4_Word_t raw;
        struct {
            L4_Word_t m : 10;
            L4_Word_t a : 6;
            L4_Word_t s : 6;
            L4_Word_t __padding : 42;
        } X;
    } UtcbAreaInfo;
    union {
        L4_Word_t raw;
        struct {
            L4_Word_t s : 6;
            L4_Word_t __padding : 58;
        } X;
    } KipAreaInfo;
    L4_Word_t __padding1[2];
    L4_Word_t BootInfo;
    L4_Word_t ProcDescPtr;
    union {
        L4_Word_t raw;
        struct {
            L4_Word_t ReadPrecision : 16;
            L4_Word_t SchedulePrecision : 16;
            L4_Word_t __padding : 32;
        } X;
    } ClockInfo;
    union {
        L4_Word_t raw;
        struct {
            L4_Word_t t : 8;
            L4_Word_t SystemBase : 12;
            L4_Word_t UserBase : 12;
            L4_Word_t __padding : 32;
        } X;
    } ThreadInfo;
    union {
        L4_Word_t raw;
        struct {
            L4_Word_t rwx : 3;
            L4_Word_t __padding : 7;
            L4_Word_t page_size_mask : 54;
        } X;
    } PageInfo;
    union {
        L4_Word_t raw;
        struct {
            L4_Word_t processors : 16;
            L4_Word_t __padding : 44;
            L4_Word_t s : 4;
        } X;
    } ProcessorInfo;
    L4_Word_t SpaceControl;
    L4_Word_t ThreadControl;
    L4_Word_t ProcessorControl;
    L4_Word_t MemoryControl;
    L4_Word_t Ipc;
    L4_Word_t Lipc;
    L4_Word_t Unmap;
    L4_Word_t ExchangeRegisters;
    L4_Word_t SystemClock;
    L4_Word_t ThreadSwitch;
    L4_Word_t Schedule;
    L4_Word_t __padding2[5];
    L4_Word_t ArchSyscall0;
    L4_Word_t ArchSyscall1;
    L4_Word_t ArchSyscall2;
    L4_Word_t ArchSyscall3;
} L4_KernelInterfacePage_t;

typedef union {
    L4_Word_t raw[4];
    struct {
        L4_Word_t ExternalFreq; /* kHz */
        L4_Word_t InternalFreq;
        L4_Word_t __padding[2];
    } X;
} L4_ProcDesc_t;

typedef struct {
    L4_KernelId_t KernelId;
    union {
        L4_Word_t raw;
        struct {
            L4_Word_t day : 5;
            L4_Word_t month : 4;
            L4_Word_t year : 7; /* since 2000 */
            L4_Word_t __padding : 48;
        } X;
    } KernelGenDate;
    union {
        L4_Word_t raw;
        struct {
            L4_Word_t subsubver : 16;
            L4_Word_t subver : 8;
            L4_Word_t ver : 8;
            L4_Word_t __padding : 32;
        } X;
    } KernelVer;
    L4_Word_t Supplier;
} L4_KernelDesc_t; /* then the version string and the features */

L4_INLINE const L4_KernelInterfacePage_t *L4_Kip(const void *kip)
{
    return (const L4_KernelInterfacePage_t *)kip;
}

L4_INLINE const L4_KernelDesc_t *L4_KernelDesc(const void *kip)
{
    return (const L4_KernelDesc_t *)((const char *)kip + L4_Kip(kip)->KernelVerPtr);
}

L4_INLINE void *L4_GetKernelInterface(void)
{
    L4_Word_t version, flags, id;
    return L4_KernelInterface(&version, &flags, &id);
}

L4_INLINE L4_Word_t L4_ApiVersion(void)
{
    L4_Word_t version, flags, id;
    L4_KernelInterface(&version, &flags, &id);
    return version;
}

L4_INLINE L4_Word_t L4_ApiFlags(void)
{
    L4_Word_t version, flags, id;
    L4_KernelInterface(&version, &flags, &id);
    return flags;
}

L4_INLINE L4_Word_t L4_KernelId(void)
{
    L4_Word_t version, flags, id;
    L4_KernelInterface(&version, &flags, &id);
    return id;
}

L4_INLINE void L4_KernelGenDate(const void *kip, L4_Word_t *year, L4_Word_t *month, L4_Word_t *day)
{
    const L4_KernelDesc_t *d = L4_KernelDesc(kip);

    *year = (L4_Word_t)d->KernelGenDate.X.year + 2000;
    *month = d->KernelGenDate.X.month;
    *day = d->KernelGenDate.X.day;
}

L4_INLINE L4_Word_t L4_KernelVersion(const void *kip)
{
    return L4_KernelDesc(kip)->KernelVer.raw;
}

L4_INLINE L4_Word_t L4_KernelSupplier(const void *kip)
{
    return L4_KernelDesc(kip)->Supplier;
}

L4_INLINE L4_Word_t L4_NumProcessors(const void *kip)
{
    return (L4_Word_t)L4_Kip(kip)->ProcessorInfo.X.processors + 1;
}

L4_INLINE L4_Word_t L4_NumMemoryDescriptors(const void *kip)
{
    return L4_Kip(kip)->MemoryInfo.n;
}

L4_INLINE L4_Word_t L4_PageSizeMask(const void *kip)
{
    return L4_Kip(kip)->PageInfo.raw & ~(L4_Word_t)0x3ff;
}

L4_INLINE L4_Word_t L4_PageRights(const void *kip)
{
    return L4_Kip(kip)->PageInfo.X.rwx;
}

L4_INLINE L4_Word_t L4_ThreadIdBits(const void *kip)
{
    return L4_Kip(kip)->ThreadInfo.X.t;
}

L4_INLINE L4_Word_t L4_ThreadIdSystemBase(const void *kip)
{
    return L4_Kip(kip)->ThreadInfo.X.SystemBase;
}

L4_INLINE L4_Word_t L4_ThreadIdUserBase(const void *kip)
{
    return L4_Kip(kip)->ThreadInfo.X.UserBase;
}

L4_INLINE L4_Word_t L4_ReadPrecision(const void *kip)
{
    return L4_Kip(kip)->ClockInfo.X.ReadPrecision;
}

L4_INLINE L4_Word_t L4_SchedulePrecision(const void *kip)
{
    return L4_Kip(kip)->ClockInfo.X.SchedulePrecision;
}

L4_INLINE L4_Word_t L4_UtcbAreaSizeLog2(const void *kip)
{
    return L4_Kip(kip)->UtcbAreaInfo.X.s;
}

L4_INLINE L4_Word_t L4_UtcbAreaSize(const void *kip)
{
    return (L4_Word_t)1 << L4_UtcbAreaSizeLog2(kip);
}

L4_INLINE L4_Word_t L4_UtcbAlignmentLog2(const void *kip)
{
    return L4_Kip(kip)->UtcbAreaInfo.X.a;
}

L4_INLINE L4_Word_t L4_UtcbSize(const void *kip)
{
    return ((L4_Word_t)1 << L4_Kip(kip)->UtcbAreaInfo.X.a) * L4_Kip(kip)->UtcbAreaInfo.X.m;
}

L4_INLINE L4_Word_t L4_KipAreaSizeLog2(const void *kip)
{
    return L4_Kip(kip)->KipAreaInfo.X.s;
}

L4_INLINE L4_Word_t L4_KipAreaSize(const void *kip)
{
    return (L4_Word_t)1 << L4_KipAreaSizeLog2(kip);
}

L4_INLINE L4_Word_t L4_BootInfo(const void *kip)
{
    return L4_Kip(kip)->BootInfo;
}

L4_INLINE char *L4_KernelVersionString(const void *kip)
{
    return (char *)(L4_Word_t)(L4_KernelDesc(kip) + 1);
}

/* Feature number `n`, from 0; NULL behind the last. */
L4_INLINE char *L4_Feature(const void *kip, L4_Word_t n)
{
    char *text = L4_KernelVersionString(kip);

    do {
        while (*text)
            text++;
        text++;
        if (!*text)
            return NULL;
    } while (n--);
    return text;
}

L4_INLINE L4_Bool_t L4_HasFeature(const char *name)
{
    const void *kip = L4_GetKernelInterface();
    const char *feature;

    for (L4_Word_t n = 0; (feature = L4_Feature(kip, n)) != NULL; n++) {
        L4_Word_t i = 0;
        while (feature[i] && feature[i] == name[i])
            i++;
        if (feature[i] == name[i])
            return 1;
    }
    return 0;
}

/* Memory descriptors: later ones override earlier ones. */
typedef union {
    L4_Word_t raw[2];
    struct {
        L4_Word_t type : 4;
        L4_Word_t t : 4;
        L4_Word_t __padding1 : 1;
        L4_Word_t v : 1;
        L4_Word_t low : 54;
        L4_Word_t __padding2 : 10;
        L4_Word_t high : 54;
    } X;
} L4_MemoryDesc_t;

#define L4_UndefinedMemoryType            0x0u
#define L4_ConventionalMemoryType         0x1u
#define L4_ReservedMemoryType             0x2u
#define L4_DedicatedMemoryType            0x3u
#define L4_SharedMemoryType               0x4u
#define L4_BootLoaderSpecificMemoryType   0xeu
#define L4_ArchitectureSpecificMemoryType 0xfu

L4_INLINE L4_MemoryDesc_t *L4_MemoryDesc(const void *kip, L4_Word_t n)
{
    if (n >= L4_NumMemoryDescriptors(kip))
        return NULL;
    return (L4_MemoryDesc_t *)((L4_Word_t)kip + L4_Kip(kip)->MemoryInfo.MemDescPtr) + n;
}

L4_INLINE L4_Bool_t L4_IsMemoryDescVirtual(const L4_MemoryDesc_t *m)
{
    return m->X.v;
}

/* Types from L4_BootLoaderSpecificMemoryType on have a subtype in bits 7 to 4. */
L4_INLINE L4_Word_t L4_MemoryDescType(const L4_MemoryDesc_t *m)
{
    return m->X.type >= L4_BootLoaderSpecificMemoryType ? m->raw[0] & 0xff : m->X.type;
}

L4_INLINE L4_Word_t L4_MemoryDescLow(const L4_MemoryDesc_t *m)
{
    return m->raw[0] & ~(L4_Word_t)0x3ff;
}

/* The last byte. */
L4_INLINE L4_Word_t L4_MemoryDescHigh(const L4_MemoryDesc_t *m)
{
    return m->raw[1] | 0x3ff;
}

/* Processors. */
L4_INLINE L4_ProcDesc_t *L4_ProcDesc(const void *kip, L4_Word_t n)
{
    const L4_KernelInterfacePage_t *k = L4_Kip(kip);

    if (n > k->ProcessorInfo.X.processors)
        return NULL;
    return (L4_ProcDesc_t *)((L4_Word_t)kip + k->ProcDescPtr + (n << k->ProcessorInfo.X.s));
}

L4_INLINE L4_Word_t L4_ProcDescExternalFreq(const L4_ProcDesc_t *p)
{
    return p->X.ExternalFreq;
}

L4_INLINE L4_Word_t L4_ProcDescInternalFreq(const L4_ProcDesc_t *p)
{
    return p->X.InternalFreq;
}

#ifdef __cplusplus
static inline void *L4_KernelInterface(void)
{
    return L4_GetKernelInterface();
}
static inline L4_Bool_t L4_IsVirtual(const L4_MemoryDesc_t *m)
{
    return L4_IsMemoryDescVirtual(m);
}
static inline L4_Word_t L4_Type(const L4_MemoryDesc_t *m)
{
    return L4_MemoryDescType(m);
}
static inline L4_Word_t L4_Low(const L4_MemoryDesc_t *m)
{
    return L4_MemoryDescLow(m);
}
static inline L4_Word_t L4_High(const L4_MemoryDesc_t *m)
{
    return L4_MemoryDescHigh(m);
}
static inline L4_Word_t L4_ExternalFreq(const L4_ProcDesc_t *p)
{
    return L4_ProcDescExternalFreq(p);
}
static inline L4_Word_t L4_InternalFreq(const L4_ProcDesc_t *p)
{
    return L4_ProcDescInternalFreq(p);
}
#endif
