# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call hosttest,test_netset,tests/host/test_netset.c services/net/netset.c \
    services/net/name.c))
$(eval $(call fuzztarget,fuzz_netset,tests/fuzz/fuzz_netset.c services/net/netset.c))

# The whole service but its main and its card, over lwIP's loopback interface and a fake kernel.
NET_HOST_SOURCES := $(filter-out %/main.c %/card.c %/config.c,$(wildcard services/net/*.c)) \
    $(wildcard pseudofd/server/*.c) tests/host/net_kernel.c $(LWIP_SOURCES) $(LWIP_OURS)
$(eval $(call hosttest,test_net,tests/host/test_net.c $(NET_HOST_SOURCES),$(LWIP_CFLAGS) -w))
