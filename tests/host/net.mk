# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call hosttest,test_netset,tests/host/test_netset.c services/net/netset.c \
    services/net/name.c))
$(eval $(call fuzztarget,fuzz_netset,tests/fuzz/fuzz_netset.c services/net/netset.c))
