/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of registers: `config`, and I/O BARs: aligned pread and pwrite of 1, 2 or 4 bytes.
 *
 * Configuration space may be read by whoever can open it; writing needs the claim.  Of the command register
 * only the bits for memory, I/O, bus mastering and INTx change; addresses, interrupt lines and the
 * interrupt capabilities are the kernel's: EPERM.
 */
#include "kernel/arch/x86_64/insn.h"
#include "kernel/dev/pci.h"
#include "kernel/job/job.h"
#include "kernel/mm/slab.h"

#define CONFIG_SIZE 256u
#define COMMAND_BITS \
    (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX)

struct registers { /* of one open file */
    struct pci_function *function;
    int bar; /* -1: configuration space */
    bool writable;
    uint64_t claim_number; /* of the claim it was opened under, if it needs one */
};

static uint64_t size_of(const struct registers *r)
{
    return r->bar < 0 ? CONFIG_SIZE : r->function->bar[r->bar].size;
}

/* 0, or why this access can not be. */
static cloudabi_errno_t access_check(const struct registers *r, const uint64_t *offset, size_t len)
{
    if (offset == NULL || (len != 1 && len != 2 && len != 4) || *offset % len != 0 ||
        *offset >= size_of(r))
        return CLOUDABI_EINVAL;
    if ((r->bar >= 0 || r->writable) && r->claim_number != atomic_load(&r->function->claim_number))
        return CLOUDABI_EIO; /* the claim has ended */
    return 0;
}

static uint32_t register_get(const struct registers *r, unsigned offset, unsigned width)
{
    if (r->bar < 0)
        return pci_config_get(r->function, offset, width);
    uint16_t port = (uint16_t)(r->function->bar[r->bar].start + offset);
    return width == 1 ? inb(port) : width == 2 ? inw(port) : inl(port);
}

static bool within(unsigned offset, unsigned width, unsigned start, unsigned len)
{
    return offset < start + len && start < offset + width;
}

static cloudabi_errno_t config_write(struct pci_function *f, unsigned offset, unsigned width,
                                     uint32_t value)
{
    if (offset == PCI_COMMAND && width == 2) {
        pci_command_change(f, COMMAND_BITS, (uint16_t)(value & COMMAND_BITS));
        return 0;
    }
    if (offset < 0x40 && !(offset == 0x06 && width == 2) && !within(offset, width, 0x0c, 2))
        return CLOUDABI_EPERM;
    if ((f->msi != 0 && within(offset, width, f->msi, 24)) ||
        (f->msix != 0 && within(offset, width, f->msix, 12)))
        return CLOUDABI_EPERM;
    pci_config_set(f, offset, width, value);
    return 0;
}

static cloudabi_errno_t register_set(const struct registers *r, unsigned offset, unsigned width,
                                     uint32_t value)
{
    if (r->bar < 0)
        return r->writable ? config_write(r->function, offset, width, value) : CLOUDABI_EPERM;
    uint16_t port = (uint16_t)(r->function->bar[r->bar].start + offset);
    if (width == 1)
        outb(port, (uint8_t)value);
    else if (width == 2)
        outw(port, (uint16_t)value);
    else
        outl(port, value);
    return 0;
}

static cloudabi_errno_t registers_read(struct file *file, const struct user_vec *to,
                                       const uint64_t *offset, size_t *done)
{
    const struct registers *r = file->data;
    *done = 0;
    cloudabi_errno_t error = access_check(r, offset, to->total);
    if (error != 0)
        return error;
    uint32_t value = register_get(r, (unsigned)*offset, (unsigned)to->total);
    error = user_vec_write(to, 0, &value, to->total);
    *done = error == 0 ? to->total : 0;
    return error;
}

static cloudabi_errno_t registers_write(struct file *file, const struct user_vec *from,
                                        const uint64_t *offset, size_t *done)
{
    const struct registers *r = file->data;
    uint32_t value = 0;
    *done = 0;
    cloudabi_errno_t error = access_check(r, offset, from->total);
    if (error == 0)
        error = user_vec_read(from, 0, &value, from->total);
    if (error != 0)
        return error;
    mutex_lock(&r->function->mutex); /* against the end of the claim */
    error = access_check(r, offset, from->total);
    if (error == 0)
        error = register_set(r, (unsigned)*offset, (unsigned)from->total, value);
    mutex_unlock(&r->function->mutex);
    *done = error == 0 ? from->total : 0;
    return error;
}

static cloudabi_errno_t registers_stat(struct file *file, cloudabi_filestat_t *out)
{
    *out = (cloudabi_filestat_t){
        .st_filetype = file->type, .st_nlink = 1, .st_size = size_of(file->data)};
    return 0;
}

static void registers_close(struct file *file)
{
    kfree(file->data);
}

static const struct file_ops registers_file_ops = {
    .close = registers_close,
    .read = registers_read,
    .write = registers_write,
    .stat = registers_stat,
};

static cloudabi_errno_t registers_open(struct pci_function *f, int bar, bool writable,
                                       cloudabi_fdflags_t flags, struct job *job, struct file **out)
{
    cloudabi_errno_t error = CLOUDABI_ENOMEM;
    struct registers *r = kmalloc(job, sizeof(*r));
    if (r == NULL)
        return error;
    mutex_lock(&f->mutex);
    *r = (struct registers){f, bar, writable, atomic_load(&f->claim_number)};
    if ((bar >= 0 || writable) && !pci_claimed_by_caller(f))
        error = CLOUDABI_EPERM;
    else if ((*out = file_create(job, CLOUDABI_FILETYPE_REGULAR_FILE, &registers_file_ops, flags,
                                 r)) != NULL)
        error = 0;
    mutex_unlock(&f->mutex);
    if (error != 0)
        kfree(r);
    return error;
}

cloudabi_errno_t pci_config_open(struct pci_function *f, cloudabi_fdflags_t flags, bool write,
                                 struct job *job, struct file **out)
{
    return registers_open(f, -1, write, flags, job, out);
}

cloudabi_errno_t pci_io_open(struct pci_function *f, unsigned bar, cloudabi_fdflags_t flags,
                             struct job *job, struct file **out)
{
    return registers_open(f, (int)bar, true, flags, job, out);
}
