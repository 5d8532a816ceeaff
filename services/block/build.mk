# SPDX-License-Identifier: BSD-2-Clause
BLOCK_SOURCES := $(addprefix services/block/,main.c tree.c disk.c partition.c)
$(eval $(call program,block,$(BLOCK_SOURCES),pseudofd virtio_blk virtio pci common argdata))
BOOT_FILES += bin/block=build/user/block
