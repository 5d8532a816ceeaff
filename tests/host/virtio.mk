# SPDX-License-Identifier: BSD-2-Clause
VIRTIO_HOST_SOURCES := drivers/pci/pci.c drivers/virtio/virtqueue.c drivers/virtio/virtio.c \
    drivers/virtio_net/virtio_net.c drivers/virtio_net/virtio_net_receive.c tests/host/fake_virtio.c
$(eval $(call hosttest,test_virtio,tests/host/test_virtio.c $(VIRTIO_HOST_SOURCES)))
$(eval $(call fuzztarget,fuzz_virtio,tests/fuzz/fuzz_virtio.c $(VIRTIO_HOST_SOURCES)))

VIRTIO_BLK_HOST_SOURCES := drivers/pci/pci.c drivers/virtio/virtqueue.c drivers/virtio/virtio.c \
    drivers/virtio_blk/virtio_blk.c tests/host/fake_virtio.c
$(eval $(call hosttest,test_virtio_blk,tests/host/test_virtio_blk.c $(VIRTIO_BLK_HOST_SOURCES)))
$(eval $(call fuzztarget,fuzz_virtio_blk,tests/fuzz/fuzz_virtio_blk.c $(VIRTIO_BLK_HOST_SOURCES)))
