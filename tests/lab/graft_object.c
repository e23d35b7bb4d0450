/* Objects of grafts whose code is made here: sections of code, of names, and of a proof. */
#include "tests/lab/graft_object.h"

#include "exo/abi/elf.h"
#include "exo/abi/graft_object.h"
#include "libos/string.h"

#define MACHINE_BPF 247u

struct section {
    uint32_t name, type;
    uint64_t flags, address, offset, bytes;
    uint32_t link, info;
    uint64_t alignment, entry_bytes;
};

static struct {
    struct elf_header header;
    char names[32];
    struct section sections[4];
    struct lab_insn code[LAB_CODE_MOST];
    uint8_t room[LAB_PROOF_MOST];
} object;

struct lab_insn *const lab_code = object.code;

const void *lab_object(uint32_t count, uint32_t proof_bytes, size_t *bytes)
{
    static const char names[] = "\0" GRAFT_SECTION_CODE "\0" GRAFT_SECTION_PROOF;
    const uint32_t code = (uint32_t)((char *)object.code - (char *)&object);
    const uint32_t proof = code + count * (uint32_t)sizeof(struct lab_insn);

    memcpy(object.names, names, sizeof names);
    object.sections[1] = (struct section){
        .name = 1, .type = 1, .flags = 6, .offset = code, .bytes = count * sizeof(struct lab_insn)};
    object.sections[2] =
        (struct section){.type = 3,
                         .offset = (uint64_t)((char *)object.names - (char *)&object),
                         .bytes = sizeof object.names};
    object.sections[3] = (struct section){.name = 1 + sizeof GRAFT_SECTION_CODE,
                                          .type = 1,
                                          .offset = proof,
                                          .bytes = proof_bytes,
                                          .alignment = 1};
    object.header =
        (struct elf_header){.ident = ELF_IDENT,
                            .type = ELF_TYPE_REL,
                            .machine = MACHINE_BPF,
                            .version = 1,
                            .header_bytes = sizeof object.header,
                            .section_bytes = sizeof object.sections[0],
                            .sections = (uint64_t)((char *)object.sections - (char *)&object),
                            .section_count = proof_bytes ? 4 : 3,
                            .section_names = 2};
    *bytes = proof + proof_bytes;
    return &object;
}
