# SPDX-License-Identifier: BSD-2-Clause
$(eval $(call hosttest,test_netset,tests/host/test_netset.c services/net/netset.c services/net/netset_text.c \
    services/net/name.c services/net/dns_message.c))
$(eval $(call fuzztarget,fuzz_netset,tests/fuzz/fuzz_netset.c services/net/netset.c services/net/netset_text.c))

NET_MESSAGES := services/net/dns_message.c services/net/ntp_message.c
$(eval $(call hosttest,test_net_messages,tests/host/test_net_messages.c $(NET_MESSAGES) services/net/settings.c \
    services/net/netset.c services/net/netset_text.c $(ARGDATA_SOURCES)))
$(eval $(call fuzztarget,fuzz_dns,tests/fuzz/fuzz_dns.c $(NET_MESSAGES)))

$(eval $(call hosttest,test_share,tests/host/test_share.c services/net/share.c))

# lwIP takes the address of a null pointer's first member (icmp6.c) and tests that for null.
LWIP_HOST_CFLAGS := -w -fno-sanitize=null

# The whole service but its main and its card, over lwIP's loopback interface and a fake kernel.
NET_HOST_SOURCES := $(filter-out %/main.c %/card.c %/receive.c,$(wildcard services/net/*.c)) \
    $(wildcard pseudofd/server/*.c) $(ARGDATA_SOURCES) tests/host/net_kernel.c $(LWIP_SOURCES) $(LWIP_OURS)
$(eval $(call hosttest,test_net,tests/host/test_net.c $(NET_HOST_SOURCES),$(LWIP_CFLAGS) $(LWIP_HOST_CFLAGS)))

$(eval $(call hosttest,test_resolver,tests/host/test_resolver.c $(NET_HOST_SOURCES),$(LWIP_CFLAGS) $(LWIP_HOST_CFLAGS)))

# Frames from the wire, from the virtqueue up.
NET_FUZZ_SOURCES := $(filter-out %/main.c,$(wildcard services/net/*.c)) $(ARGDATA_SOURCES) tests/host/net_kernel.c \
    $(wildcard pseudofd/server/*.c drivers/virtio/*.c drivers/virtio_net/*.c drivers/e1000/*.c) drivers/pci/pci.c \
    tests/host/fake_virtio.c $(LWIP_SOURCES) $(LWIP_OURS)
$(eval $(call fuzztarget,fuzz_net,tests/fuzz/fuzz_net.c $(sort $(NET_FUZZ_SOURCES)),$(LWIP_CFLAGS) $(LWIP_HOST_CFLAGS)))

$(eval $(call hosttest,test_merge,tests/host/test_merge.c services/net/merge.c services/net/frame.c \
    ports/lwip/checksum.c,$(LWIP_CFLAGS)))

# Frames from a fake device to lwIP's input.
$(eval $(call hosttest,test_card,tests/host/test_card.c $(sort $(NET_FUZZ_SOURCES)),$(LWIP_CFLAGS) $(LWIP_HOST_CFLAGS)))
