# SPDX-License-Identifier: BSD-2-Clause
NET_SOURCES := $(addprefix services/net/,main.c card.c receive.c merge.c frame.c forged.c reuse.c ports.c config.c \
    settings.c interface.c name.c netset.c netset_text.c table.c endpoint.c tree.c tree_info.c hold.c connection.c \
    stream.c window.c share.c unreachable.c control.c listener.c local.c datagram.c echo.c resolver.c resolver_tcp.c \
    answer.c dns_message.c timekeeper.c ntp_message.c)
$(eval $(call program,net,$(NET_SOURCES),pseudofd virtio_net virtio e1000 pci lwip,$(LWIP_CFLAGS)))
program_net_order := services/net/hot.order
BOOT_FILES += bin/net=build/user/net
