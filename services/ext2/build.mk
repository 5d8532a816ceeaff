# SPDX-License-Identifier: BSD-2-Clause
EXT2_CORE := $(addprefix services/ext2/,attr.c block.c cache.c commit.c data.c dir.c dir_edit.c entries.c \
    group.c ialloc.c index.c inode.c inode_disk.c journal.c journal_recover.c journal_write.c map.c mount.c orphan.c \
    promise.c range.c recent.c rename.c revoked.c run.c super.c wrote.c)
EXT2_SERVICE := $(addprefix services/ext2/,main.c names.c nodes.c pages.c backing.c)
$(eval $(call program,ext2,$(EXT2_SERVICE) $(EXT2_CORE),pseudofd common argdata))
BOOT_FILES += bin/ext2=build/user/ext2
