# SPDX-License-Identifier: BSD-2-Clause
# The core of ext2 against mke2fs, debugfs and e2fsck.
EXT2_CORE_SOURCES := $(addprefix services/ext2/,attr.c block.c cache.c commit.c data.c dir.c dir_edit.c entries.c \
    group.c ialloc.c index.c inode.c inode_disk.c journal.c journal_recover.c journal_write.c map.c mount.c orphan.c \
    promise.c range.c recent.c rename.c revoked.c run.c super.c wrote.c)
comma := ,
EXT2_HOST_SOURCES := tests/host/ext2_host.c tests/crash/disk.c $(EXT2_CORE_SOURCES)
$(eval $(call hosttest,test_ext2,tests/host/test_ext2.c $(EXT2_HOST_SOURCES)))
$(eval $(call hosttest,test_ext2_data,tests/host/test_ext2_data.c $(EXT2_HOST_SOURCES)))
$(eval $(call hosttest,test_ext2_random,tests/host/test_ext2_random.c $(EXT2_HOST_SOURCES)))
$(eval $(call hosttest,test_ext2_failures,tests/host/test_ext2_failures.c $(EXT2_HOST_SOURCES)))
$(eval $(call hosttest,test_ext2_memory,tests/host/test_ext2_memory.c $(EXT2_HOST_SOURCES),,\
    $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc aligned_alloc free)))

# Anything may be an image. The corpus starts from images by mke2fs with all sorts of options.
$(eval $(call fuzztarget,fuzz_ext2,tests/fuzz/fuzz_ext2.c $(EXT2_CORE_SOURCES)))
fuzz: build/corpus/fuzz_ext2.made
build/corpus/fuzz_ext2.made: tests/fuzz/ext2-corpus
	$(Q)$< build/corpus/fuzz_ext2
	$(Q)touch $@
