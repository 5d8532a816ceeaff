/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Feeds the virtio disk driver a device that does whatever the input says: first byte 0 takes the rest as
 * configuration space and register values, else as a script of requests and used-ring writes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio_blk/virtio_blk.h"
#include "tests/host/fake_virtio.h"

#define SECTORS 64u

static int tokens[VIRTIO_BLK_REQUESTS];

static void request(struct virtio_blk *blk, const struct pci_dma *memory, const uint8_t *input)
{
    struct virtqueue_buffer segments[VIRTIO_BLK_SEGMENTS + 1];
    unsigned count = input[2] % (VIRTIO_BLK_SEGMENTS + 2);
    enum virtio_blk_type type = (input[1] & 1) != 0 ? VIRTIO_BLK_WRITE : VIRTIO_BLK_READ;
    for (unsigned i = 0; i < count; i++)
        segments[i] = (struct virtqueue_buffer){memory->bus + 4096ul * i, 512u * (input[3] % 10)};
    (void)virtio_blk_transfer(blk, type, input[1] / 2, segments, count, &tokens[input[2] % 64]);
    if (input[2] % 7 == 0)
        (void)virtio_blk_flush(blk, &tokens[0]);
}

static void drain(struct virtio_blk *blk)
{
    void *token;
    int result;
    virtio_blk_submit(blk);
    for (int error; (error = virtio_blk_take(blk, &token, &result)) != EAGAIN;) {
        if (error != 0)
            break;
        if ((int *)token < tokens || (int *)token >= tokens + VIRTIO_BLK_REQUESTS ||
            (result != 0 && result != EIO))
            abort();
    }
    virtio_blk_arm(blk);
}

static void run_script(struct fake_virtio *fake, struct virtio_blk *blk,
                       const struct pci_dma *memory, const uint8_t *input, size_t size)
{
    static uint8_t disk[SECTORS * 512 + 64 * 4096];
    for (; size >= 4; input += 4, size -= 4) {
        switch (input[0] & 3) {
        case 0:
            request(blk, memory, input);
            break;
        case 1:
            fake_virtio_serve_disk(fake, disk, input[1] & 3);
            break;
        case 2:
            fake_virtio_finish(fake, 0, input[1], (uint32_t)(input[2] << 8 | input[3]));
            break;
        default:
            drain(blk);
        }
    }
    drain(blk);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct fake_virtio fake;
    struct pci_function function;
    struct virtio_blk blk;
    struct pci_dma memory;
    if (size < 1)
        return 0;
    bool noisy = input[0] == 0;
    input++;
    size--;
    fake_virtio_init(&fake);
    fake_virtio_become_disk(&fake, SECTORS, (UINT64_C(1) << 9));
    fake_virtio_function(&fake, &function);
    if (noisy && size > 64) {
        memcpy(fake.config + 0x40, input, 64);
        fake.noise = input + 64;
        fake.noise_size = size - 64;
    }
    if (virtio_blk_open(&blk, &function) == 0) {
        if (!noisy && function.ops->dma_alloc(function.context, 64 * 4096, &memory) == 0)
            run_script(&fake, &blk, &memory, input, size);
        drain(&blk);
        virtio_blk_close(&blk);
    }
    fake_virtio_free(&fake);
    return 0;
}
