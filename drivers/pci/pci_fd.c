/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/pci/pci_fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The result of a call that returns -1 with errno set, as an errno value. */
static int failed(void)
{
    return errno != 0 ? errno : EIO;
}

static int transferred(ssize_t moved, unsigned width)
{
    if (moved < 0)
        return failed();
    return (unsigned)moved == width ? 0 : EIO;
}

static int fd_config_read(void *context, unsigned offset, unsigned width, uint32_t *value)
{
    struct pci_fd *fd = context;
    uint32_t buffer = 0;
    int error = transferred(pread(fd->config, &buffer, width, offset), width);
    if (error == 0)
        *value = buffer;
    return error;
}

static int fd_config_write(void *context, unsigned offset, unsigned width, uint32_t value)
{
    struct pci_fd *fd = context;
    return transferred(pwrite(fd->config, &value, width, offset), width);
}

static int map_file(int directory, const char *name, struct stat *status, void **memory)
{
    int file = openat(directory, name, O_RDWR);
    if (file < 0)
        return failed();
    int error = 0;
    if (fstat(file, status) != 0) {
        error = failed();
    } else if (status->st_size <= 0) {
        error = ENODEV;
    } else {
        *memory = mmap(NULL, (size_t)status->st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (*memory == MAP_FAILED)
            error = failed();
    }
    /* The mapping keeps the object. */
    close(file);
    return error;
}

static int fd_bar_map(void *context, unsigned bar, uint64_t *size)
{
    struct pci_fd *fd = context;
    if (bar >= PCI_BARS)
        return ERANGE;
    if (fd->bars[bar].base == NULL) {
        char name[8];
        struct stat status;
        void *memory;
        snprintf(name, sizeof(name), "bar%u", bar);
        int error = map_file(fd->directory, name, &status, &memory);
        if (error != 0)
            return error;
        fd->bars[bar].base = memory;
        fd->bars[bar].size = (uint64_t)status.st_size;
    }
    *size = fd->bars[bar].size;
    return 0;
}

static bool in_bar(const struct pci_fd *fd, unsigned bar, uint64_t offset, unsigned width)
{
    return bar < PCI_BARS && fd->bars[bar].base != NULL && offset <= fd->bars[bar].size &&
           width <= fd->bars[bar].size - offset;
}

static uint32_t fd_mmio_read(void *context, unsigned bar, uint64_t offset, unsigned width)
{
    struct pci_fd *fd = context;
    if (!in_bar(fd, bar, offset, width))
        return UINT32_MAX;
    volatile uint8_t *place = fd->bars[bar].base + offset;
    switch (width) {
    case 1:
        return *place;
    case 2:
        return *(volatile uint16_t *)place;
    default:
        return *(volatile uint32_t *)place;
    }
}

static void fd_mmio_write(void *context, unsigned bar, uint64_t offset, unsigned width,
                          uint32_t value)
{
    struct pci_fd *fd = context;
    if (!in_bar(fd, bar, offset, width))
        return;
    volatile uint8_t *place = fd->bars[bar].base + offset;
    switch (width) {
    case 1:
        *place = (uint8_t)value;
        break;
    case 2:
        *(volatile uint16_t *)place = (uint16_t)value;
        break;
    default:
        *(volatile uint32_t *)place = value;
        break;
    }
}

static int fd_irq_open(void *context, unsigned index, int *irq)
{
    struct pci_fd *fd = context;
    char name[16];
    snprintf(name, sizeof(name), "irq%u", index);
    int opened = openat(fd->directory, name, O_RDONLY);
    if (opened < 0)
        return failed();
    *irq = opened;
    return 0;
}

static int fd_dma_alloc(void *context, size_t size, struct pci_dma *dma)
{
    struct pci_fd *fd = context;
    char name[32];
    struct stat status;
    void *memory;
    snprintf(name, sizeof(name), "dma/%zu", size);
    int error = map_file(fd->directory, name, &status, &memory);
    if (error != 0)
        return error;
    *dma = (struct pci_dma){.memory = memory, .bus = status.st_ino, .size = size};
    return 0;
}

static const struct pci_ops fd_ops = {
    .config_read = fd_config_read,
    .config_write = fd_config_write,
    .bar_map = fd_bar_map,
    .mmio_read = fd_mmio_read,
    .mmio_write = fd_mmio_write,
    .irq_open = fd_irq_open,
    .dma_alloc = fd_dma_alloc,
};

void pci_fd_function(struct pci_fd *fd, struct pci_function *function)
{
    *function = (struct pci_function){.ops = &fd_ops, .context = fd};
}

static bool identifier_matches(struct pci_fd *fd, const struct pci_match *matches, size_t count)
{
    uint32_t vendor, device;
    if (fd_config_read(fd, PCI_VENDOR_ID, 2, &vendor) != 0 ||
        fd_config_read(fd, PCI_DEVICE_ID, 2, &device) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (matches[i].vendor == vendor && matches[i].device == device)
            return true;
    }
    return false;
}

/* Takes the claim and opens config for writing. Keeps `directory` on success. */
static int claim(int directory, struct pci_fd *fd)
{
    /* The claim lives with the process, whatever becomes of its descriptor. */
    int token = openat(directory, "claim", O_RDWR);
    if (token < 0)
        return failed();
    int config = openat(directory, "config", O_RDWR);
    if (config < 0) {
        int error = failed();
        close(token);
        return error;
    }
    *fd = (struct pci_fd){.directory = directory, .claim = token, .config = config};
    return 0;
}

/* ENODEV: not one of the wanted. Keeps `directory` on success. */
static int try_function(int directory, const struct pci_match *matches, size_t count,
                        struct pci_fd *fd)
{
    struct pci_fd probe = {.config = openat(directory, "config", O_RDONLY)};
    if (probe.config < 0)
        return ENODEV;
    bool match = identifier_matches(&probe, matches, count);
    close(probe.config);
    return match ? claim(directory, fd) : ENODEV;
}

static int try_name(int directory, const char *name, const struct pci_match *matches, size_t count,
                    struct pci_fd *fd)
{
    int function = openat(directory, name, O_RDONLY | O_DIRECTORY);
    if (function < 0)
        return ENODEV;
    int error = try_function(function, matches, count, fd);
    if (error != 0)
        close(function);
    return error;
}

int pci_fd_find(int directory, const struct pci_match *matches, size_t count, struct pci_fd *fd)
{
    int result = try_function(directory, matches, count, fd);
    if (result != ENODEV)
        return result;
    int copy = dup(directory);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);
    if (listing == NULL) {
        if (copy >= 0)
            close(copy);
        return failed();
    }
    struct dirent *entry;
    while ((entry = readdir(listing)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        int error = try_name(directory, entry->d_name, matches, count, fd);
        if (error == 0) {
            result = 0;
            break;
        }
        if (error != ENODEV)
            result = error;
    }
    closedir(listing);
    return result;
}
