# SPDX-License-Identifier: BSD-2-Clause
# The pure parts of kernel/lib.
$(eval $(call hosttest,test_kernel_lib,tests/host/test_kernel_lib.c kernel/lib/bootinfo.c \
    kernel/lib/bootfs.c kernel/lib/printf.c kernel/lib/chacha20.c))
