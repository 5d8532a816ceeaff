# SPDX-License-Identifier: BSD-2-Clause
NET_SOURCES := $(addprefix services/net/,main.c card.c frame.c reuse.c config.c interface.c name.c netset.c \
    table.c endpoint.c tree.c connection.c stream.c control.c listener.c local.c datagram.c)
$(eval $(call program,net,$(NET_SOURCES),pseudofd virtio_net virtio pci lwip,$(LWIP_CFLAGS)))
BOOT_FILES += bin/net=build/user/net
