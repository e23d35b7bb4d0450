/* The L4 generic boot information: records of modules and of programs that the loader unpacked. */
#pragma once

#include <l4/types.h>

#define L4_BOOTINFO_MAGIC   ((L4_Word_t)0x14b0021d)
#define L4_BOOTINFO_VERSION 1u

#define L4_BootInfo_Module     0x0001u
#define L4_BootInfo_SimpleExec 0x0002u
#define L4_BootInfo_EFITables  0x0101u
#define L4_BootInfo_Multiboot  0x0102u

typedef struct {
    L4_Word_t magic;
    L4_Word_t version;
    L4_Word_t size;        /* bytes of all */
    L4_Word_t first_entry; /* offset       */
    L4_Word_t num_entries;
    L4_Word_t __reserved[3];
} L4_BootInfo_t;

/* What every record begins with. */
typedef struct {
    L4_Word_t type;
    L4_Word_t version;
    L4_Word_t offset_next; /* from this record */
} L4_BootRec_t;

typedef struct {
    L4_Word_t type;
    L4_Word_t version;
    L4_Word_t offset_next;
    L4_Word_t start;
    L4_Word_t size;
    L4_Word_t cmdline_offset; /* from this record; 0: none */
} L4_Boot_Module_t;

typedef struct {
    L4_Word_t type;
    L4_Word_t version;
    L4_Word_t offset_next;
    L4_Word_t text_pstart;
    L4_Word_t text_vstart;
    L4_Word_t text_size;
    L4_Word_t data_pstart;
    L4_Word_t data_vstart;
    L4_Word_t data_size;
    L4_Word_t bss_pstart;
    L4_Word_t bss_vstart;
    L4_Word_t bss_size;
    L4_Word_t initial_ip;
    L4_Word_t flags;
    L4_Word_t label;
    L4_Word_t cmdline_offset;
} L4_Boot_SimpleExec_t;

L4_INLINE L4_Bool_t L4_BootInfo_Valid(const void *info)
{
    const L4_BootInfo_t *b = (const L4_BootInfo_t *)info;

    return b->magic == L4_BOOTINFO_MAGIC && b->version == L4_BOOTINFO_VERSION;
}

L4_INLINE L4_Word_t L4_BootInfo_Size(const void *info)
{
    return ((const L4_BootInfo_t *)info)->size;
}

L4_INLINE L4_Word_t L4_BootInfo_Entries(const void *info)
{
    return ((const L4_BootInfo_t *)info)->num_entries;
}

L4_INLINE L4_BootRec_t *L4_BootInfo_FirstEntry(const void *info)
{
    return (L4_BootRec_t *)((L4_Word_t)info + ((const L4_BootInfo_t *)info)->first_entry);
}

L4_INLINE L4_Word_t L4_BootRec_Type(const L4_BootRec_t *r)
{
    return r->type;
}

L4_INLINE L4_BootRec_t *L4_BootRec_Next(const L4_BootRec_t *r)
{
    return (L4_BootRec_t *)((L4_Word_t)r + r->offset_next);
}

L4_INLINE L4_Word_t L4_Module_Start(const L4_BootRec_t *r)
{
    return ((const L4_Boot_Module_t *)(const void *)r)->start;
}

L4_INLINE L4_Word_t L4_Module_Size(const L4_BootRec_t *r)
{
    return ((const L4_Boot_Module_t *)(const void *)r)->size;
}

L4_INLINE char *L4_Module_Cmdline(const L4_BootRec_t *r)
{
    L4_Word_t offset = ((const L4_Boot_Module_t *)(const void *)r)->cmdline_offset;

    return offset ? (char *)((L4_Word_t)r + offset) : NULL;
}

#define L4_SIMPLE_EXEC_FIELD(name, field)                                                          \
    L4_INLINE L4_Word_t L4_SimpleExec_##name(const L4_BootRec_t *r)                                \
    {                                                                                              \
        return ((const L4_Boot_SimpleExec_t *)(const void *)r)->field;                             \
    }
L4_SIMPLE_EXEC_FIELD(TextPstart, text_pstart)
L4_SIMPLE_EXEC_FIELD(TextVstart, text_vstart)
L4_SIMPLE_EXEC_FIELD(TextSize, text_size)
L4_SIMPLE_EXEC_FIELD(DataPstart, data_pstart)
L4_SIMPLE_EXEC_FIELD(DataVstart, data_vstart)
L4_SIMPLE_EXEC_FIELD(DataSize, data_size)
L4_SIMPLE_EXEC_FIELD(BssPstart, bss_pstart)
L4_SIMPLE_EXEC_FIELD(BssVstart, bss_vstart)
L4_SIMPLE_EXEC_FIELD(BssSize, bss_size)
L4_SIMPLE_EXEC_FIELD(InitialIP, initial_ip)
L4_SIMPLE_EXEC_FIELD(Flags, flags)
L4_SIMPLE_EXEC_FIELD(Label, label)
#undef L4_SIMPLE_EXEC_FIELD

L4_INLINE void L4_SimpleExec_Set_Flags(L4_BootRec_t *r, L4_Word_t flags)
{
    ((L4_Boot_SimpleExec_t *)(void *)r)->flags = flags;
}

L4_INLINE void L4_SimpleExec_Set_Label(L4_BootRec_t *r, L4_Word_t label)
{
    ((L4_Boot_SimpleExec_t *)(void *)r)->label = label;
}

L4_INLINE char *L4_SimpleExec_Cmdline(const L4_BootRec_t *r)
{
    L4_Word_t offset = ((const L4_Boot_SimpleExec_t *)(const void *)r)->cmdline_offset;

    return offset ? (char *)((L4_Word_t)r + offset) : NULL;
}

#ifdef __cplusplus
static inline L4_Word_t L4_Type(const L4_BootRec_t *r)
{
    return L4_BootRec_Type(r);
}
static inline L4_BootRec_t *L4_Next(const L4_BootRec_t *r)
{
    return L4_BootRec_Next(r);
}
#endif
