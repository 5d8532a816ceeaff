/* SPDX-License-Identifier: BSD-2-Clause */
/* The five calls on memory. The decoder has checked what the protection asked for needs of the descriptor. */
#include "abi/kernel_calls.h"
#include "kernel/mm/vmspace.h"

#define PROT_ALL (CLOUDABI_PROT_READ | CLOUDABI_PROT_WRITE | CLOUDABI_PROT_EXEC)
#define MAP_ALL \
    (CLOUDABI_MAP_ANON | CLOUDABI_MAP_FIXED | CLOUDABI_MAP_PRIVATE | CLOUDABI_MAP_SHARED)
#define MS_ALL (CLOUDABI_MS_ASYNC | CLOUDABI_MS_INVALIDATE | CLOUDABI_MS_SYNC)

static cloudabi_errno_t check_prot(cloudabi_mprot_t prot)
{
    bool both = (prot & CLOUDABI_PROT_WRITE) != 0 && (prot & CLOUDABI_PROT_EXEC) != 0;
    return both || (prot & ~PROT_ALL) != 0 ? CLOUDABI_ENOTSUP : 0;
}

static bool exactly_one(unsigned flags, unsigned a, unsigned b)
{
    return ((flags & a) != 0) != ((flags & b) != 0);
}

static cloudabi_errno_t check_map(size_t len, cloudabi_mprot_t prot, cloudabi_mflags_t flags,
                                  const struct fd_grant *fd, cloudabi_filesize_t off)
{
    bool anon = (flags & CLOUDABI_MAP_ANON) != 0;
    cloudabi_errno_t error = check_prot(prot);
    if (error != 0)
        return error;
    if (len == 0 || (off & (PAGE_SIZE - 1)) != 0 || (flags & ~MAP_ALL) != 0 ||
        !exactly_one(flags, CLOUDABI_MAP_PRIVATE, CLOUDABI_MAP_SHARED) ||
        (anon && (fd != NULL || off != 0)))
        return CLOUDABI_EINVAL;
    if (!anon && fd == NULL)
        return CLOUDABI_EBADF;
    if (len > INT64_MAX || off > (uint64_t)INT64_MAX - len)
        return CLOUDABI_EOVERFLOW;
    return 0;
}

/* The most that mem_protect may ever give, from the descriptor's rights at this moment. */
static uint8_t limit_of(const struct fd_grant *fd, bool shared)
{
    cloudabi_rights_t rights = fd->rights.base;
    uint8_t limit = 0;
    if ((rights & CLOUDABI_RIGHT_FD_READ) != 0)
        limit |= CLOUDABI_PROT_READ;
    if ((rights & CLOUDABI_RIGHT_FD_READ) != 0 &&
        (!shared || (rights & CLOUDABI_RIGHT_FD_WRITE) != 0))
        limit |= CLOUDABI_PROT_WRITE;
    if ((limit & CLOUDABI_PROT_READ) != 0 && (rights & CLOUDABI_RIGHT_MEM_MAP_EXEC) != 0)
        limit |= CLOUDABI_PROT_EXEC;
    return limit;
}

cloudabi_errno_t sys_mem_map(user_addr_t addr, size_t len, cloudabi_mprot_t prot,
                             cloudabi_mflags_t flags, const struct fd_grant *fd,
                             cloudabi_filesize_t off, user_addr_t *mem)
{
    cloudabi_errno_t error = check_map(len, prot, flags, fd, off);
    if (error != 0)
        return error;
    struct vm_map_args args = {
        .length = len,
        .prot = prot,
        .max_prot = PROT_ALL,
        .shared = (flags & CLOUDABI_MAP_SHARED) != 0,
        .fixed = (flags & CLOUDABI_MAP_FIXED) != 0,
    };
    if (fd != NULL) {
        args.max_prot = limit_of(fd, args.shared);
        error =
            file_map(fd->file, off, len, args.shared, &args.object, &args.offset, &args.no_fork);
        if (error != 0)
            return error;
    }
    uint64_t va = addr.va;
    error = vmspace_map(vmspace_current(), &args, &va);
    if (args.object != NULL)
        memobj_put(args.object);
    if (error == 0)
        *mem = user_addr(va);
    return error;
}

cloudabi_errno_t sys_mem_unmap(user_addr_t mapping, size_t mapping_len)
{
    return vmspace_unmap(vmspace_current(), mapping.va, mapping_len);
}

cloudabi_errno_t sys_mem_protect(user_addr_t mapping, size_t mapping_len, cloudabi_mprot_t prot)
{
    cloudabi_errno_t error = check_prot(prot);
    return error != 0 ? error : vmspace_protect(vmspace_current(), mapping.va, mapping_len, prot);
}

cloudabi_errno_t sys_mem_sync(user_addr_t mapping, size_t mapping_len, cloudabi_msflags_t flags)
{
    if ((flags & ~MS_ALL) != 0 || !exactly_one(flags, CLOUDABI_MS_ASYNC, CLOUDABI_MS_SYNC))
        return CLOUDABI_EINVAL;
    return vmspace_sync(vmspace_current(), mapping.va, mapping_len, flags);
}

cloudabi_errno_t sys_mem_advise(user_addr_t mapping, size_t mapping_len, cloudabi_advice_t advice)
{
    if (advice < CLOUDABI_ADVICE_DONTNEED || advice > CLOUDABI_ADVICE_WILLNEED)
        return CLOUDABI_EINVAL;
    return vmspace_advise(vmspace_current(), mapping.va, mapping_len, advice);
}
