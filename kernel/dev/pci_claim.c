/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Claims: who drives a function, and what it has got through that.  A claim ends when its process exits or
 * executes another program, or serves a port no more that lent memory to the device: everything that stems from it is
 * revoked, then the device is stopped, bus mastering goes off, interrupts are masked, the function is reset and
 * read back; only then the DMA memory is given back.
 */
#include "kernel/debug/log.h"
#include "kernel/dev/pci.h"
#include "kernel/fd/memfile.h"
#include "kernel/job/job.h"
#include "kernel/mm/slab.h"
#include "kernel/proc/process.h"
#include "pseudofd/proto/port.h"

#define DMA_MAX  (4ul << 20)
#define CAP_PCIE 0x10
#define CAP_AF   0x13

#define STOP_WAIT 100000000ul /* ns that a device has to stop */

struct pci_dma {
    struct list link; /* function->mutex */
    struct memobj *object;
    struct frame *frames;
    unsigned order;
};

bool pci_claimed_by_caller(struct pci_function *f)
{
    return f->claimant == process_self();
}

/* How much of a BAR may be mapped: what lies before the page of the MSI-X table. */
static uint64_t mappable(const struct pci_function *f, unsigned n)
{
    uint64_t size = f->bar[n].size;
    if (f->msix != 0 && f->msix_bar == n)
        size = f->msix_offset;
    return size & ~(PAGE_SIZE - 1);
}

/* --- the descriptor of a claim ---------------------------------------------------------------------- */

struct claim { /* constant */
    struct pci_function *function;
    uint64_t number;
};

static void claim_end(struct pci_function *f);

/* Whether the claim of this descriptor goes on. Mutex held. */
static bool claim_holds(const struct claim *claim)
{
    return claim->number == atomic_load(&claim->function->claim_number);
}

static cloudabi_errno_t claim_stat(struct file *file, cloudabi_filestat_t *out)
{
    *out = (cloudabi_filestat_t){.st_filetype = file->type, .st_nlink = 1};
    return 0;
}

/* Maps the register that stops the device. A function has one for ever, so mapping it costs only once. */
static cloudabi_errno_t stop_register(struct pci_function *f, uint64_t stop)
{
    uint64_t n = stop >> 32, offset = (uint32_t)stop;
    if (n >= PCI_BARS || f->bar[n].io || offset >= mappable(f, (unsigned)n))
        return CLOUDABI_EINVAL;
    paddr_t at = f->bar[n].start + offset;
    if (f->stop != NULL && f->stop_at != at)
        return CLOUDABI_EINVAL;
    if (f->stop == NULL && (f->stop = arch_kmap_device(at, 1)) == NULL)
        return CLOUDABI_ENOMEM;
    f->stop_at = at;
    f->stops = true;
    return 0;
}

static cloudabi_errno_t claim_dma_begin(struct file *file, uint64_t stop)
{
    const struct claim *claim = file->data;
    struct pci_function *f = claim->function;
    cloudabi_errno_t error = 0;
    mutex_lock(&f->mutex);
    if (!claim_holds(claim) || !pci_claimed_by_caller(f))
        error = CLOUDABI_EPERM;
    else if (stop != PORT_STOP_NONE)
        error = stop_register(f, stop);
    mutex_unlock(&f->mutex);
    return error;
}

static void claim_dma_end(struct file *file)
{
    const struct claim *claim = file->data;
    mutex_lock(&claim->function->mutex);
    if (claim_holds(claim))
        claim_end(claim->function);
    mutex_unlock(&claim->function->mutex);
}

static void claim_close(struct file *file)
{
    kfree(file->data);
}

static const struct file_ops claim_file_ops = {
    .close = claim_close,
    .stat = claim_stat,
    .dma_begin = claim_dma_begin,
    .dma_end = claim_dma_end,
};

static struct file *claim_file(struct pci_function *f, cloudabi_fdflags_t flags, struct job *job)
{
    struct claim *claim = kmalloc(job, sizeof(*claim));
    if (claim == NULL)
        return NULL;
    *claim = (struct claim){f, atomic_load(&f->claim_number)};
    struct file *file =
        file_create(job, CLOUDABI_FILETYPE_CHARACTER_DEVICE, &claim_file_ops, flags, claim);
    if (file == NULL)
        kfree(claim);
    return file;
}

cloudabi_errno_t pci_claim_open(struct pci_function *f, cloudabi_fdflags_t flags, struct job *job,
                                struct file **out)
{
    cloudabi_errno_t error = 0;
    if (f->header != 0)
        return CLOUDABI_EPERM; /* bridges are nobody's */
    mutex_lock(&f->mutex);
    if (f->claimant != NULL && !pci_claimed_by_caller(f))
        error = CLOUDABI_EBUSY;
    else if ((*out = claim_file(f, flags, job)) == NULL)
        error = CLOUDABI_ENOMEM;
    else
        f->claimant = process_self();
    mutex_unlock(&f->mutex);
    return error;
}

/* --- memory: BARs and DMA --------------------------------------------------------------------------- */

static cloudabi_errno_t dma_stat(struct file *file, cloudabi_filestat_t *out)
{
    cloudabi_errno_t error = memfile_stat(file, out);
    out->st_ino = ((struct memobj *)file->data)->physical; /* what the device is to be told */
    return error;
}

/* No read and write here: registers must be reached by loads and stores of the right width. */
static const struct file_ops bar_file_ops = {
    .close = memfile_close,
    .stat = memfile_stat,
    .map = memfile_map,
};

static const struct file_ops dma_file_ops = {
    .close = memfile_close,
    .read = memfile_read,
    .write = memfile_write,
    .stat = dma_stat,
    .map = memfile_map,
};

static cloudabi_errno_t bar_object(struct pci_function *f, unsigned n)
{
    struct pci_bar *bar = &f->bar[n];
    uint64_t size = mappable(f, n);
    if (bar->object != NULL)
        return 0;
    if (size == 0 || bar->start % PAGE_SIZE != 0)
        return CLOUDABI_ENODEV;
    bar->object = memobj_create_physical(&job_root, bar->start, size,
                                         bar->prefetchable ? PT_WRITE_COMBINE : PT_UNCACHED);
    return bar->object != NULL ? 0 : CLOUDABI_ENOMEM;
}

static cloudabi_errno_t shared_file(struct memobj *object, const struct file_ops *ops,
                                    cloudabi_fdflags_t flags, struct job *job, struct file **out)
{
    *out = file_create(job, CLOUDABI_FILETYPE_SHARED_MEMORY, ops, flags, memobj_get(object));
    if (*out != NULL)
        return 0;
    memobj_put(object);
    return CLOUDABI_ENOMEM;
}

cloudabi_errno_t pci_bar_open(struct pci_function *f, unsigned n, cloudabi_fdflags_t flags,
                              struct job *job, struct file **out)
{
    if (f->bar[n].io)
        return pci_io_open(f, n, flags, job, out);
    mutex_lock(&f->mutex);
    cloudabi_errno_t error = pci_claimed_by_caller(f) ? bar_object(f, n) : CLOUDABI_EPERM;
    if (error == 0)
        error = shared_file(f->bar[n].object, &bar_file_ops, flags, job, out);
    mutex_unlock(&f->mutex);
    return error;
}

static void dma_free(struct pci_dma *dma)
{
    if (dma->object != NULL)
        memobj_put(dma->object);
    /* One by one: a call that is under way may still hold some of them. */
    for (uint64_t i = 0; dma->frames != NULL && i < 1ul << dma->order; i++)
        frame_put(dma->frames + i);
    kfree(dma);
}

static struct pci_dma *dma_create(uint64_t size, struct job *job)
{
    struct pci_dma *dma = kmalloc(job, sizeof(*dma));
    if (dma == NULL)
        return NULL;
    list_init(&dma->link);
    while (PAGE_SIZE << dma->order < size)
        dma->order++;
    dma->frames = frame_alloc_block(job, dma->order);
    if (dma->frames != NULL)
        dma->object = memobj_create_physical(job, frame_phys(dma->frames), size, 0);
    if (dma->object != NULL)
        return dma;
    dma_free(dma);
    return NULL;
}

cloudabi_errno_t pci_dma_open(struct pci_function *f, uint64_t size, cloudabi_fdflags_t flags,
                              struct job *job, struct file **out)
{
    if (size == 0 || size % PAGE_SIZE != 0 || size > DMA_MAX)
        return CLOUDABI_EINVAL;
    mutex_lock(&f->mutex);
    cloudabi_errno_t error = pci_claimed_by_caller(f) ? 0 : CLOUDABI_EPERM;
    struct pci_dma *dma = error == 0 ? dma_create(size, job) : NULL;
    if (error == 0 && dma == NULL)
        error = CLOUDABI_ENOMEM;
    if (error == 0)
        error = shared_file(dma->object, &dma_file_ops, flags, job, out);
    if (error == 0)
        list_append(&f->dma, &dma->link);
    else if (dma != NULL)
        dma_free(dma);
    mutex_unlock(&f->mutex);
    return error;
}

/* --- the end ------------------------------------------------------------------------------------------ */

/* Function-level reset where there is one. The wait is short of the 100 ms that the specification gives the
 * device: the next driver resets it by its own registers, too. */
static void reset(struct pci_function *f)
{
    unsigned at = 0;
    for (int limit = 48; limit > 0 && (at = pci_capability_next(f, at)) != 0; limit--) {
        uint32_t id = pci_config_get(f, at, 1);
        if (id == CAP_PCIE && (pci_config_get(f, at + 4, 4) & 1u << 28))
            pci_config_set(f, at + 8, 2, pci_config_get(f, at + 8, 2) | 1u << 15);
        else if (id == CAP_AF && (pci_config_get(f, at + 3, 1) & 2))
            pci_config_set(f, at + 4, 1, 1);
    }
}

/* As they were at boot: a reset forgets them, and the driver may have made one of its own. */
static void bars_restore(const struct pci_function *f)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const struct pci_bar *bar = &f->bar[i];
        unsigned offset = 0x10 + 4 * i;
        if (bar->size == 0)
            continue;
        pci_config_set(f, offset, 4, (uint32_t)bar->start);
        if (!bar->io && (pci_config_get(f, offset, 4) & 6) == 4)
            pci_config_set(f, offset + 4, 4, (uint32_t)(bar->start >> 32));
    }
}

/* What the device has begun it may finish now: afterwards it touches memory no more. Bus mastering alone does not
 * tell when that is, and a device may be made of software that looks at it only when a request begins. */
static void stop(struct pci_function *f)
{
    uint64_t deadline = arch_clock_monotonic() + STOP_WAIT;
    if (!f->stops)
        return;
    f->stops = false;
    pci_command_change(f, 0, PCI_COMMAND_MEMORY);
    *f->stop = 0;
    while (*f->stop != 0 && arch_clock_monotonic() < deadline)
        arch_spin_hint();
}

static void quiet(struct pci_function *f)
{
    stop(f);
    pci_command_change(f, PCI_COMMAND_MASTER, PCI_COMMAND_NO_INTX);
    pci_irq_stop_all(f);
    reset(f);
    bars_restore(f);
    pci_command_change(f, PCI_COMMAND_MASTER,
                       PCI_COMMAND_NO_INTX | PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
    (void)pci_config_get(f, PCI_COMMAND, 2); /* what the device still wrote has arrived */
}

static void claim_end(struct pci_function *f)
{
    atomic_fetch_add(&f->claim_number, 1);
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (f->bar[i].object != NULL)
            memobj_revoke(f->bar[i].object, CLOUDABI_EIO);
    list_for_each(at, &f->dma)
        memobj_revoke(container_of(at, struct pci_dma, link)->object, CLOUDABI_EIO);
    quiet(f);
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (f->bar[i].object != NULL) {
            memobj_put(f->bar[i].object);
            f->bar[i].object = NULL;
        }
    struct list *link;
    while ((link = list_pop(&f->dma)) != NULL)
        dma_free(container_of(link, struct pci_dma, link));
    f->claimant = NULL;
}

void pci_process_ends(struct process *process, bool exec)
{
    (void)exec;
    list_for_each(at, &pci_functions)
    {
        struct pci_function *f = container_of(at, struct pci_function, link);
        mutex_lock(&f->mutex);
        if (f->claimant == process)
            claim_end(f);
        mutex_unlock(&f->mutex);
    }
}
