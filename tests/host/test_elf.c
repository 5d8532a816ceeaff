/* SPDX-License-Identifier: BSD-2-Clause */
/* The reader of executables: what must be accepted, and one refusal per rule. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <string.h>

#include "abi/cloudabi_types.h"
#include "kernel/proc/elf.h"

#define READ      CLOUDABI_PROT_READ
#define WRITE     CLOUDABI_PROT_WRITE
#define EXEC      CLOUDABI_PROT_EXEC
#define FILE_SIZE 0x9000

struct file {
    Elf64_Ehdr header;
    Elf64_Phdr load[20];
};

/* A static PIE as a linker of old lays it out: every segment on pages of its own. */
static struct file aligned(void)
{
    struct file file = {.header = {.e_type = ET_DYN,
                                   .e_machine = EM_X86_64,
                                   .e_version = 1,
                                   .e_entry = 0x2010,
                                   .e_phoff = sizeof(Elf64_Ehdr),
                                   .e_ehsize = 64,
                                   .e_phentsize = sizeof(Elf64_Phdr),
                                   .e_phnum = 5}};
    memcpy(file.header.e_ident, ELFMAG, SELFMAG);
    file.header.e_ident[EI_CLASS] = ELFCLASS64;
    file.header.e_ident[EI_DATA] = ELFDATA2LSB;
    file.header.e_ident[EI_VERSION] = 1;
    file.header.e_ident[EI_OSABI] = 17;
    file.load[0] = (Elf64_Phdr){.p_type = PT_PHDR, .p_flags = PF_R, .p_offset = 64, .p_vaddr = 64};
    file.load[1] = (Elf64_Phdr){PT_LOAD, PF_R, 0, 0, 0, 0x1800, 0x1800, 0x1000};
    file.load[2] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0x2000, 0x2000, 0x2000, 0x900, 0x900, 0x1000};
    file.load[3] =
        (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 0x3000, 0x3000, 0x3000, 0x100, 0x108000, 0x1000};
    file.load[4] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
    return file;
}

static bool parse(const struct file *file, struct elf_image *image)
{
    return elf_parse(file, sizeof(*file), FILE_SIZE, image);
}

static void accepts_aligned(void **state)
{
    (void)state;
    struct elf_image image;
    struct file file = aligned();
    assert_true(parse(&file, &image));
    assert_int_equal(image.count, 3);
    assert_int_equal(image.entry, 0x2010);
    assert_int_equal(image.phdr, 64);
    assert_int_equal(image.phnum, 5);
    assert_int_equal(image.start, 0);
    assert_int_equal(image.end, 0x10b000);
    assert_int_equal(image.segments[0].prot, READ);
    assert_int_equal(image.segments[1].prot, READ | EXEC);
    assert_int_equal(image.segments[2].prot, READ | WRITE);
}

/* lld 10 and later: the file is dense, addresses keep their offset within the page. */
static void accepts_packed(void **state)
{
    (void)state;
    struct elf_image image;
    struct file file = aligned();
    file.load[2].p_offset = 0x1800;
    file.load[2].p_vaddr = 0x2800;
    file.header.e_entry = 0x2810;
    file.load[3].p_offset = 0x2100;
    file.load[3].p_vaddr = 0x4100;
    assert_true(parse(&file, &image));
    assert_int_equal(image.segments[1].vaddr, 0x2800);
    assert_int_equal(image.segments[2].offset, 0x2100);
}

/* A hundred-odd bytes, one segment, made by hand; the other EI_OSABI; p_align that no loader honours. */
static void accepts_handmade(void **state)
{
    (void)state;
    struct elf_image image;
    for (int osabi = 9; osabi <= 17; osabi += 8) {
        struct file file = aligned();
        file.header.e_ident[EI_OSABI] = (unsigned char)osabi;
        file.header.e_phnum = 1;
        file.header.e_entry = 120;
        file.load[0] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0, 0, 0, 140, 140, 0x200000};
        assert_true(elf_parse(&file, 140, 140, &image));
        assert_int_equal(image.entry, 120);
        assert_int_equal(image.end, 4096);
    }
}

typedef void (*spoil)(struct file *);

static void spoil_magic(struct file *f)
{
    f->header.e_ident[0] = 'x';
}
static void spoil_class(struct file *f)
{
    f->header.e_ident[EI_CLASS] = ELFCLASS32;
}
static void spoil_data(struct file *f)
{
    f->header.e_ident[EI_DATA] = ELFDATA2MSB;
}
static void spoil_osabi(struct file *f)
{
    f->header.e_ident[EI_OSABI] = ELFOSABI_SYSV;
}
static void spoil_type(struct file *f)
{
    f->header.e_type = ET_REL;
}
static void spoil_machine(struct file *f)
{
    f->header.e_machine = EM_AARCH64;
}
static void spoil_phentsize(struct file *f)
{
    f->header.e_phentsize = 32;
}
static void spoil_phnum_zero(struct file *f)
{
    f->header.e_phnum = 0;
}
static void spoil_phnum_many(struct file *f)
{
    f->header.e_phnum = 0xffff;
}
static void spoil_phoff(struct file *f)
{
    f->header.e_phoff = UINT64_MAX - 8;
}
static void spoil_phoff_far(struct file *f)
{
    f->header.e_phoff = 0x8000;
}
static void spoil_interp(struct file *f)
{
    f->load[4].p_type = PT_INTERP;
}
static void spoil_wx(struct file *f)
{
    f->load[2].p_flags = PF_R | PF_W | PF_X;
}
static void spoil_filesz(struct file *f)
{
    f->load[2].p_filesz = 0x901;
}
static void spoil_past_end(struct file *f)
{
    f->load[2].p_filesz = f->load[2].p_memsz = 0x7001;
}
static void spoil_offset(struct file *f)
{
    f->load[2].p_offset = UINT64_MAX - 0xfff;
}
static void spoil_congruence(struct file *f)
{
    f->load[2].p_offset = 0x2010;
}
static void spoil_overlap(struct file *f)
{
    f->load[2].p_vaddr = 0x1000;
    f->load[2].p_offset = 0x1000;
}
static void spoil_order(struct file *f)
{
    f->load[3].p_vaddr = 0x1000;
}
static void spoil_same_page(struct file *f)
{
    f->load[2].p_memsz = 0x1001;
}
static void spoil_address(struct file *f)
{
    f->load[3].p_vaddr = 0xffffffffffff3000;
}
static void spoil_huge(struct file *f)
{
    f->load[3].p_memsz = ELF_SPAN_MAX;
}
static void spoil_wrap(struct file *f)
{
    f->load[3].p_memsz = UINT64_MAX - 0x2000;
}
static void spoil_entry(struct file *f)
{
    f->header.e_entry = 0x3000;
}
static void spoil_entry_end(struct file *f)
{
    f->header.e_entry = 0x2900;
}
static void spoil_no_load(struct file *f)
{
    f->header.e_phnum = 1;
}
static void spoil_phdr_unmapped(struct file *f)
{
    f->load[1].p_filesz = 100;
    f->load[1].p_memsz = 100;
}
static void spoil_exec_elsewhere(struct file *f)
{
    f->header.e_type = ET_EXEC;
    for (int i = 1; i <= 3; i++)
        f->load[i].p_vaddr += 0x400000;
    f->header.e_entry += 0x400000;
}
static void spoil_many_segments(struct file *f)
{
    f->header.e_phnum = 20;
    for (unsigned i = 0; i < 20; i++)
        f->load[i] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0, i * 0x1000ul, 0, 0x1000, 0x1000, 0x1000};
    f->header.e_entry = 0x10;
}

static void refuses(void **state)
{
    (void)state;
    static const spoil spoils[] = {
        spoil_magic,
        spoil_class,
        spoil_data,
        spoil_osabi,
        spoil_type,
        spoil_machine,
        spoil_phentsize,
        spoil_phnum_zero,
        spoil_phnum_many,
        spoil_phoff,
        spoil_phoff_far,
        spoil_interp,
        spoil_wx,
        spoil_filesz,
        spoil_past_end,
        spoil_offset,
        spoil_congruence,
        spoil_overlap,
        spoil_order,
        spoil_same_page,
        spoil_address,
        spoil_huge,
        spoil_wrap,
        spoil_entry,
        spoil_entry_end,
        spoil_no_load,
        spoil_phdr_unmapped,
        spoil_exec_elsewhere,
        spoil_many_segments,
    };
    for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
        struct elf_image image;
        struct file file = aligned();
        assert_true(parse(&file, &image));
        spoils[i](&file);
        if (parse(&file, &image))
            fail_msg("refusal %zu does not refuse", i);
    }
}

static void refuses_short(void **state)
{
    (void)state;
    struct elf_image image;
    struct file file = aligned();
    for (size_t len = 0; len < sizeof(Elf64_Ehdr) + 5 * sizeof(Elf64_Phdr); len++)
        assert_false(elf_parse(&file, len, FILE_SIZE, &image));
    assert_false(elf_parse(&file, sizeof(file), 100, &image));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_aligned),  cmocka_unit_test(accepts_packed),
        cmocka_unit_test(accepts_handmade), cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
