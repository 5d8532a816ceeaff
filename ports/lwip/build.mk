# SPDX-License-Identifier: BSD-2-Clause
# lwIP: unpacked below build/ and compiled as a library. Nothing in it is patched; segment.c and cookie.c help it from a hook.

LWIP := build/ports/lwip
LWIP_CFLAGS := -I$(LWIP)/src/include -Iports/lwip/include

LWIP_CORE := def init inet_chksum ip mem memp netif pbuf raw tcp tcp_in tcp_out timeouts udp dns
LWIP_IPV4 := dhcp etharp icmp igmp ip4 ip4_addr ip4_frag
LWIP_IPV6 := ethip6 icmp6 ip6 ip6_addr ip6_frag mld6 nd6
LWIP_SOURCES := $(LWIP_CORE:%=$(LWIP)/src/core/%.c) $(LWIP_IPV4:%=$(LWIP)/src/core/ipv4/%.c) \
    $(LWIP_IPV6:%=$(LWIP)/src/core/ipv6/%.c) $(LWIP)/src/netif/ethernet.c
LWIP_OURS := $(addprefix ports/lwip/,sys_arch.c checksum.c segment.c cookie.c)

$(LWIP)/stamp: ports/lwip/recipe
	$(call say,UNPACK,lwip)
	$(Q)rm -rf $(LWIP) && mkdir -p $(LWIP)
	$(Q)tarball=$$(ports/fetch ports/lwip/recipe) && \
	    tar -xf "$$tarball" -C $(LWIP) --strip-components=1 --no-same-owner
	$(Q)touch $@
$(LWIP_SOURCES): $(LWIP)/stamp ;

# Our own files of the library see its headers only once they are unpacked.
GENERATED += $(LWIP)/stamp

# Third-party code: its warnings are not ours to fix.
$(eval $(call library,lwip,$(LWIP_SOURCES) $(LWIP_OURS),$(LWIP_CFLAGS) -w))
