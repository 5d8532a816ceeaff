/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory mappings; the flags of <sys/mman.h> are the numbers of the ABI. */
#include <sys/mman.h>

#include "libc/unix/unix.h"

_Static_assert(MAP_ANON == CLOUDABI_MAP_ANON && MAP_FIXED == CLOUDABI_MAP_FIXED &&
                   MAP_PRIVATE == CLOUDABI_MAP_PRIVATE && MAP_SHARED == CLOUDABI_MAP_SHARED,
               "mapping flags are those of the ABI");
_Static_assert(PROT_EXEC == CLOUDABI_PROT_EXEC && PROT_WRITE == CLOUDABI_PROT_WRITE &&
                   PROT_READ == CLOUDABI_PROT_READ,
               "protections are those of the ABI");
_Static_assert(MS_ASYNC == CLOUDABI_MS_ASYNC && MS_INVALIDATE == CLOUDABI_MS_INVALIDATE &&
                   MS_SYNC == CLOUDABI_MS_SYNC,
               "sync flags are those of the ABI");

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    void *mem = MAP_FAILED;
    cloudabi_fd_t file = (flags & MAP_ANON) != 0 ? CLOUDABI_MAP_ANON_FD : (cloudabi_fd_t)fd;
    cloudabi_errno_t error = offset < 0 ? EINVAL
                                        : cloudabi_sys_mem_map(addr, len, (cloudabi_mprot_t)prot,
                                                               (cloudabi_mflags_t)flags, file,
                                                               (cloudabi_filesize_t)offset, &mem);
    return result(error) == 0 ? mem : MAP_FAILED;
}

int munmap(void *addr, size_t len)
{
    return result(cloudabi_sys_mem_unmap(addr, len));
}

int mprotect(void *addr, size_t len, int prot)
{
    return result(cloudabi_sys_mem_protect(addr, len, (cloudabi_mprot_t)prot));
}

int msync(void *addr, size_t len, int flags)
{
    return result(cloudabi_sys_mem_sync(addr, len, (cloudabi_msflags_t)flags));
}

int posix_madvise(void *addr, size_t len, int advice)
{
    return cloudabi_sys_mem_advise(addr, len, (cloudabi_advice_t)advice);
}

int madvise(void *addr, size_t len, int advice)
{
    return result((cloudabi_errno_t)posix_madvise(addr, len, advice));
}

/* Memory is paid for when it is touched and never leaves for a disk. */
int mlock(const void *addr, size_t len)
{
    (void)addr;
    (void)len;
    return 0;
}

int munlock(const void *addr, size_t len)
{
    (void)addr;
    (void)len;
    return 0;
}

int shm_create(void)
{
    cloudabi_fd_t fd = 0;
    cloudabi_errno_t error = cloudabi_sys_fd_create1(CLOUDABI_FILETYPE_SHARED_MEMORY, &fd);

    return (int)result_count(error, fd);
}
