/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Feeds the virtio network driver a device that does whatever the input says: first byte 0 takes the
 * rest as configuration space and register values, else as a script of used-ring writes.
 */
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio_net/virtio_net.h"
#include "tests/host/fake_virtio.h"

static void exercise(struct virtio_net *net)
{
    struct nic_frame frame;
    uint8_t *data;
    uint16_t index;
    while (virtio_net_receive(net, &frame) == 0) {
        volatile uint8_t last = frame.data[frame.length - 1];
        (void)last;
        if (last % 2 == 0)
            virtio_net_recycle(net, frame.index);
    }
    if (virtio_net_prepare(net, &data, &index) == 0) {
        memset(data, 7, NIC_FRAME_MAX);
        (void)virtio_net_send(net, index, NIC_FRAME_MAX, (struct nic_checksum){0});
    }
    virtio_net_flush(net);
    virtio_net_arm(net, true);
}

static void run_script(struct fake_virtio *fake, struct virtio_net *net, const uint8_t *input,
                       size_t size)
{
    for (; size >= 4; input += 4, size -= 4) {
        unsigned queue = input[0] & 1;
        if (input[0] & 2) {
            int head = fake_virtio_next(fake, queue);
            if (head >= 0)
                fake_virtio_finish(fake, queue, (uint32_t)head, input[1]);
        } else {
            fake_virtio_finish(fake, queue, input[1], (uint32_t)(input[2] << 8 | input[3]));
        }
        exercise(net);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct fake_virtio fake;
    struct pci_function function;
    struct virtio_net net;
    if (size < 1)
        return 0;
    bool noisy = input[0] == 0;
    input++;
    size--;
    fake_virtio_init(&fake);
    fake_virtio_function(&fake, &function);
    if (noisy && size > 64) {
        memcpy(fake.config + 0x40, input, 64);
        fake.noise = input + 64;
        fake.noise_size = size - 64;
    }
    if (virtio_net_open(&net, &function, 16) == 0) {
        if (noisy)
            exercise(&net);
        else
            run_script(&fake, &net, input, size);
        virtio_net_close(&net);
    }
    fake_virtio_free(&fake);
    return 0;
}
