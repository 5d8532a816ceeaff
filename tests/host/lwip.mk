# SPDX-License-Identifier: BSD-2-Clause
# lwIP's own unit tests, in the configuration that they bring along (not ours: sockets and threads exist in it, and
# memory is not aligned).
LWIP_CHECK_DIR   := $(LWIP)/test/unit
LWIP_CHECK_CORE  := altcp altcp_alloc altcp_tcp def dns inet_chksum init ip mem memp netif pbuf raw stats sys tcp \
    tcp_in tcp_out timeouts udp
LWIP_CHECK_IPV4  := autoip dhcp etharp icmp igmp ip4 ip4_addr ip4_frag
LWIP_CHECK_IPV6  := dhcp6 ethip6 icmp6 inet6 ip6 ip6_addr ip6_frag mld6 nd6
LWIP_CHECK_API   := api_lib api_msg err if_api netbuf netdb netifapi sockets tcpip
LWIP_CHECK_TESTS := lwip_unittests api/test_sockets arch/sys_arch core/test_def core/test_mem core/test_netif \
    core/test_pbuf core/test_timers dhcp/test_dhcp etharp/test_etharp ip4/test_ip4 ip6/test_ip6 mdns/test_mdns \
    mqtt/test_mqtt tcp/tcp_helper tcp/test_tcp_oos tcp/test_tcp udp/test_udp
LWIP_CHECK_SOURCES := $(LWIP_CHECK_CORE:%=$(LWIP)/src/core/%.c) $(LWIP_CHECK_IPV4:%=$(LWIP)/src/core/ipv4/%.c) \
    $(LWIP_CHECK_IPV6:%=$(LWIP)/src/core/ipv6/%.c) $(LWIP_CHECK_API:%=$(LWIP)/src/api/%.c) \
    $(LWIP)/src/netif/ethernet.c $(LWIP)/src/apps/mdns/mdns.c $(LWIP)/src/apps/mqtt/mqtt.c \
    $(LWIP_CHECK_TESTS:%=$(LWIP_CHECK_DIR)/%.c)
$(filter-out $(LWIP_SOURCES),$(LWIP_CHECK_SOURCES)): $(LWIP)/stamp ;
$(eval $(call hosttest,test_lwip,$(LWIP_CHECK_SOURCES),-I$(LWIP_CHECK_DIR) -Iports/lwip/check -I$(LWIP)/src/include \
    -w -fno-sanitize=null -fno-sanitize=alignment,-lcheck -lsubunit -lm -lrt))
