# SPDX-License-Identifier: BSD-2-Clause
# The journal of ext2 and its cache, against debugfs and e2fsck.
EXT2_JOURNAL_SOURCES := $(addprefix services/ext2/,cache.c commit.c run.c journal.c journal_recover.c journal_write.c \
    revoked.c)
$(eval $(call hosttest,test_ext2_journal,tests/host/test_ext2_journal.c tests/crash/disk.c tests/crash/view.c \
    $(EXT2_JOURNAL_SOURCES)))
$(eval $(call fuzztarget,fuzz_ext2_journal,tests/fuzz/fuzz_ext2_journal.c $(EXT2_JOURNAL_SOURCES)))
