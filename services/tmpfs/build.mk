# SPDX-License-Identifier: BSD-2-Clause
TMPFS_SOURCES := $(addprefix services/tmpfs/,tree.c entry.c names.c nodes.c)
$(eval $(call program,tmpfs,services/tmpfs/main.c $(TMPFS_SOURCES),pseudofd common))
BOOT_FILES += bin/tmpfs=build/user/tmpfs
