# SPDX-License-Identifier: BSD-2-Clause
# Driver libraries, linked into the service that holds the device.
$(eval $(call library,pci,drivers/pci/pci.c drivers/pci/pci_fd.c))
$(eval $(call library,virtio,drivers/virtio/virtqueue.c drivers/virtio/virtio.c))
$(eval $(call library,virtio_blk,drivers/virtio_blk/virtio_blk.c))
$(eval $(call library,virtio_net,drivers/virtio_net/virtio_net.c drivers/virtio_net/virtio_net_receive.c \
    drivers/virtio_net/virtio_net_nic.c))
$(eval $(call library,e1000,drivers/e1000/e1000.c drivers/e1000/e1000_nic.c))
