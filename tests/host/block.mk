# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call hosttest,test_partition,tests/host/test_partition.c services/block/partition.c))
$(eval $(call fuzztarget,fuzz_partition,tests/fuzz/fuzz_partition.c services/block/partition.c))
