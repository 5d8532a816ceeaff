/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts of functions as files: MSI-X, else MSI, else the INTx line (both with index 0 only).
 * The file counts; reading gives the count since the last time and re-arms, and so does a poll that
 * subscribes.  An INTx interrupt turns INTx off at the function until it is re-armed, so a driver that is dead
 * or slow does not hold the line that others share.
 */
#include "kernel/arch/x86_64/irq.h"
#include "kernel/dev/pci.h"
#include "kernel/job/job.h"
#include "kernel/lib/random.h"
#include "kernel/sched/thread.h"

#define GSI_MAX       32
#define MSIX_ENABLE   0x8000u
#define MSIX_MASK_ALL 0x4000u
#define STATUS_INTX   0x08u

struct line { /* of the INTx lines that are in use */
    int vector;
    unsigned users;
};
static struct line lines[GSI_MAX];
static struct spinlock lines_lock = SPINLOCK_INIT(RANK_FILE);

static void fire(struct pci_irq *irq)
{
    random_stir(irq->vector);
    atomic_fetch_add(&irq->count, 1);
    waitq_wake_all(&irq->waiters);
}

static void message_interrupt(void *arg)
{
    fire(arg);
}

/* Some function on the line: each that asserts it is turned off and told. */
static void line_interrupt(void *arg)
{
    unsigned gsi = (unsigned)(uintptr_t)arg;
    list_for_each(at, &pci_functions)
    {
        struct pci_function *f = container_of(at, struct pci_function, link);
        if (f->line != gsi || f->irq[0].kind != PCI_IRQ_INTX ||
            (pci_config_get(f, PCI_COMMAND, 2) & PCI_COMMAND_NO_INTX) ||
            !(pci_config_get(f, 0x06, 2) & STATUS_INTX))
            continue;
        pci_command_change(f, 0, PCI_COMMAND_NO_INTX);
        fire(&f->irq[0]);
    }
}

static void rearm(struct pci_irq *irq)
{
    if (irq->kind == PCI_IRQ_INTX)
        pci_command_change(irq->function, PCI_COMMAND_NO_INTX, 0);
}

void pci_irq_init(struct pci_function *f)
{
    for (unsigned i = 0; i < PCI_IRQS; i++) {
        f->irq[i].function = f;
        f->irq[i].index = i;
        waitq_init(&f->irq[i].waiters);
    }
}

/* --- starting and stopping --------------------------------------------------------------------------- */

static cloudabi_errno_t msix_start(struct pci_irq *irq)
{
    struct pci_function *f = irq->function;
    uint64_t address;
    uint32_t data;
    if (f->msix_table == NULL) {
        paddr_t start = f->bar[f->msix_bar].start + f->msix_offset;
        f->msix_table = arch_kmap_device(start, 16ul * PCI_IRQS);
        if (f->msix_table == NULL)
            return CLOUDABI_ENOMEM;
    }
    arch_irq_msi(irq->vector, &address, &data);
    volatile uint32_t *entry = f->msix_table + 4 * irq->index;
    pci_command_change(f, 0, PCI_COMMAND_MEMORY);
    pci_config_set(f, f->msix + 2u, 2,
                   pci_config_get(f, f->msix + 2u, 2) | MSIX_ENABLE | MSIX_MASK_ALL);
    entry[0] = (uint32_t)address;
    entry[1] = (uint32_t)(address >> 32);
    entry[2] = data;
    entry[3] = 0;
    pci_config_set(f, f->msix + 2u, 2,
                   (pci_config_get(f, f->msix + 2u, 2) | MSIX_ENABLE) & ~MSIX_MASK_ALL);
    return 0;
}

static void msi_start(struct pci_irq *irq)
{
    struct pci_function *f = irq->function;
    uint64_t address;
    uint32_t data, control = pci_config_get(f, f->msi + 2u, 2);
    arch_irq_msi(irq->vector, &address, &data);
    pci_config_set(f, f->msi + 4u, 4, (uint32_t)address);
    if (control & 0x80) { /* 64-bit addresses */
        pci_config_set(f, f->msi + 8u, 4, (uint32_t)(address >> 32));
        pci_config_set(f, f->msi + 12u, 2, data);
    } else
        pci_config_set(f, f->msi + 8u, 2, data);
    pci_config_set(f, f->msi + 2u, 2, (control & ~0x70u) | 1); /* one vector */
}

static cloudabi_errno_t line_start(struct pci_irq *irq)
{
    unsigned gsi = irq->function->line;
    if (gsi >= GSI_MAX)
        return CLOUDABI_ENODEV;
    spinlock_lock(&lines_lock);
    struct line *line = &lines[gsi];
    bool first = line->users++ == 0;
    spinlock_unlock(&lines_lock);
    if (!first)
        return 0;
    line->vector = arch_irq_alloc(line_interrupt, (void *)(uintptr_t)gsi);
    if (line->vector >= 0 && arch_irq_route_pci((uint8_t)gsi, line->vector))
        return 0;
    line->users = 0;
    return CLOUDABI_ENODEV;
}

static void line_stop(struct pci_irq *irq)
{
    struct line *line = &lines[irq->function->line];
    pci_command_change(irq->function, 0, PCI_COMMAND_NO_INTX);
    spinlock_lock(&lines_lock);
    bool last = --line->users == 0;
    spinlock_unlock(&lines_lock);
    if (!last)
        return;
    arch_irq_unroute(irq->function->line);
    arch_irq_free(line->vector);
}

static cloudabi_errno_t message_start(struct pci_irq *irq, enum pci_irq_kind kind)
{
    cloudabi_errno_t error = 0;
    irq->vector = arch_irq_alloc(message_interrupt, irq);
    if (irq->vector < 0)
        return CLOUDABI_EAGAIN;
    if (kind == PCI_IRQ_MSIX)
        error = msix_start(irq);
    else
        msi_start(irq);
    if (error != 0)
        arch_irq_free(irq->vector);
    return error;
}

static cloudabi_errno_t irq_start(struct pci_irq *irq)
{
    struct pci_function *f = irq->function;
    cloudabi_errno_t error;
    enum pci_irq_kind kind = f->msix != 0 ? PCI_IRQ_MSIX : f->msi != 0 ? PCI_IRQ_MSI : PCI_IRQ_INTX;
    if (kind == PCI_IRQ_MSIX ? irq->index >= f->msix_count : irq->index > 0)
        return CLOUDABI_ENOENT;
    atomic_store(&irq->count, 0);
    error = kind == PCI_IRQ_INTX ? line_start(irq) : message_start(irq, kind);
    if (error == 0)
        irq->kind = kind;
    rearm(irq);
    return error;
}

static void irq_stop(struct pci_irq *irq)
{
    struct pci_function *f = irq->function;
    enum pci_irq_kind kind = irq->kind;
    irq->kind = PCI_IRQ_CLOSED;
    if (kind == PCI_IRQ_MSIX)
        f->msix_table[4 * irq->index + 3] = 1;
    else if (kind == PCI_IRQ_MSI)
        pci_config_set(f, f->msi + 2u, 2, pci_config_get(f, f->msi + 2u, 2) & ~1u);
    else if (kind == PCI_IRQ_INTX)
        line_stop(irq);
    if (kind == PCI_IRQ_MSIX || kind == PCI_IRQ_MSI)
        arch_irq_free(irq->vector);
}

void pci_irq_stop_all(struct pci_function *f)
{
    for (unsigned i = 0; i < PCI_IRQS; i++) {
        irq_stop(&f->irq[i]);
        waitq_wake_all(&f->irq[i].waiters);
    }
    if (f->msix != 0)
        pci_config_set(f, f->msix + 2u, 2, pci_config_get(f, f->msix + 2u, 2) & ~MSIX_ENABLE);
}

/* --- files ------------------------------------------------------------------------------------------- */

/* The position of such a file is the number of the claim it was opened under. */
static bool live(const struct file *file)
{
    const struct pci_irq *irq = file->data;
    return file->position == atomic_load(&irq->function->claim_number);
}

static cloudabi_errno_t irq_read(struct file *file, const struct user_vec *to,
                                 const uint64_t *offset, size_t *done)
{
    struct pci_irq *irq = file->data;
    struct waiter waiter;
    uint64_t count = 0;
    cloudabi_errno_t error = 0;
    *done = 0;
    if (offset != NULL || to->total < sizeof(count))
        return CLOUDABI_EINVAL;
    waitq_add(&irq->waiters, &waiter);
    if (live(file))
        rearm(irq);
    while (live(file) && (count = atomic_exchange(&irq->count, 0)) == 0 && error == 0)
        error = atomic_load(&file->flags) & CLOUDABI_FDFLAG_NONBLOCK ? CLOUDABI_EAGAIN
                                                                     : thread_park(UINT64_MAX);
    waitq_remove(&waiter);
    if (count == 0)
        return error != 0 ? error : CLOUDABI_EIO;
    error = user_vec_write(to, 0, &count, sizeof(count));
    *done = error == 0 ? sizeof(count) : 0;
    return error;
}

/* What is reported counts as told: the event carries the count. */
static void irq_poll(struct file *file, bool write, struct waiter *waiter, struct poll_state *state)
{
    struct pci_irq *irq = file->data;
    if (waiter != NULL)
        waitq_add(&irq->waiters, waiter);
    if (write || !live(file)) {
        state->error = write ? CLOUDABI_EBADF : CLOUDABI_EIO;
        return;
    }
    if (waiter != NULL)
        rearm(irq);
    state->nbytes = atomic_exchange(&irq->count, 0);
    state->ready = state->nbytes > 0;
}

static cloudabi_errno_t irq_stat(struct file *file, cloudabi_filestat_t *out)
{
    *out = (cloudabi_filestat_t){.st_filetype = file->type, .st_nlink = 1};
    return 0;
}

static void irq_close(struct file *file)
{
    struct pci_irq *irq = file->data;
    mutex_lock(&irq->function->mutex);
    if (live(file))
        irq_stop(irq);
    mutex_unlock(&irq->function->mutex);
}

static const struct file_ops irq_file_ops = {
    .close = irq_close,
    .read = irq_read,
    .poll = irq_poll,
    .stat = irq_stat,
};

static cloudabi_errno_t irq_open_locked(struct pci_irq *irq, cloudabi_fdflags_t flags,
                                        struct job *job, struct file **out)
{
    if (!pci_claimed_by_caller(irq->function))
        return CLOUDABI_EPERM;
    if (irq->kind != PCI_IRQ_CLOSED)
        return CLOUDABI_EBUSY;
    cloudabi_errno_t error = irq_start(irq);
    if (error != 0)
        return error;
    *out = file_create(job, CLOUDABI_FILETYPE_CHARACTER_DEVICE, &irq_file_ops, flags, irq);
    if (*out == NULL) {
        irq_stop(irq);
        return CLOUDABI_ENOMEM;
    }
    (*out)->position = atomic_load(&irq->function->claim_number);
    return 0;
}

cloudabi_errno_t pci_irq_open(struct pci_function *f, unsigned index, cloudabi_fdflags_t flags,
                              struct job *job, struct file **out)
{
    mutex_lock(&f->mutex);
    cloudabi_errno_t error = irq_open_locked(&f->irq[index], flags, job, out);
    mutex_unlock(&f->mutex);
    return error;
}
