# SPDX-License-Identifier: BSD-2-Clause
# Host tests of libc's pure parts. The allocator is compiled under other names, over stand-ins for its locks.
LIBC_TEST_RENAME := $(foreach f,malloc calloc realloc free memalign posix_memalign aligned_alloc valloc \
    reallocarray malloc_usable_size,-D$(f)=tm_$(f))
$(eval $(call hosttest,test_libc_malloc,tests/host/test_libc_malloc.c libc/malloc/heap.c \
    libc/malloc/malloc.c libc/malloc/api.c,-iquote tests/host/libc_shim -isystem tests/host/libc_shim \
    -Wno-parentheses -Wno-missing-prototypes $(LIBC_TEST_RENAME) -fno-builtin))

# Only the code under test is renamed: each of its functions on the command line of a wrapper source.
$(eval $(call hosttest,test_libc_inet,tests/host/test_libc_inet.c tests/host/libc_inet_renamed.c))
$(eval $(call hosttest,test_libc_memory,tests/host/test_libc_memory.c tests/host/libc_memory_renamed.c,\
    -fno-builtin))
