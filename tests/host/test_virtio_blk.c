/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio disk driver against a fake device, honest and lying. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio_blk/virtio_blk.h"
#include "tests/host/fake_virtio.h"

#define SECTORS    2048u
#define FLUSHES    (UINT64_C(1) << 9)
#define READ_ONLY  (UINT64_C(1) << 5)
#define STATUS_ADD (FAKE_COMMON + 0x14)

struct bench {
    struct fake_virtio fake;
    struct pci_function function;
    struct virtio_blk blk;
    struct pci_dma memory; /* what requests move */
    uint8_t disk[SECTORS * 512];
};

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    fake_virtio_init(&bench->fake);
    fake_virtio_become_disk(&bench->fake, SECTORS, FLUSHES);
    fake_virtio_function(&bench->fake, &bench->function);
    for (size_t i = 0; i < sizeof(bench->disk); i++)
        bench->disk[i] = (uint8_t)(i / 512 + i);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    if (bench->blk.device.function != NULL)
        virtio_blk_close(&bench->blk);
    fake_virtio_free(&bench->fake);
    free(bench);
    return 0;
}

static struct bench *opened(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(virtio_blk_open(&bench->blk, &bench->function), 0);
    assert_int_equal(
        bench->function.ops->dma_alloc(bench->function.context, 64 * 4096, &bench->memory), 0);
    return bench;
}

/* COUNT segments of LENGTH bytes, one page each. */
static void segments_make(const struct bench *bench, struct virtqueue_buffer *segments,
                          unsigned count, uint32_t length)
{
    for (unsigned i = 0; i < count; i++)
        segments[i] = (struct virtqueue_buffer){bench->memory.bus + 4096ul * i, length};
}

static int transfer(struct bench *bench, enum virtio_blk_type type, uint64_t sector, unsigned count,
                    uint32_t length, void *token)
{
    struct virtqueue_buffer segments[VIRTIO_BLK_SEGMENTS + 1];
    segments_make(bench, segments, count, length);
    return virtio_blk_transfer(&bench->blk, type, sector, segments, count, token);
}

/* The device answers one request; its result. */
static int finish(struct bench *bench, uint8_t status, void *expected)
{
    void *token = NULL;
    int result = -1;
    virtio_blk_submit(&bench->blk);
    assert_true(fake_virtio_serve_disk(&bench->fake, bench->disk, status));
    assert_int_equal(virtio_blk_take(&bench->blk, &token, &result), 0);
    assert_ptr_equal(token, expected);
    return result;
}

static void test_open(void **state)
{
    struct bench *bench = opened(state);
    assert_int_equal(bench->blk.sectors, SECTORS);
    assert_false(bench->blk.read_only);
    assert_true(bench->blk.has_cache);
    assert_true(bench->blk.msix);
    assert_int_equal(bench->fake.status & 4, 4);
    struct pci_region stop = virtio_stop_register(&bench->blk.device);
    assert_int_equal(stop.bar, FAKE_BAR);
    assert_int_equal(stop.offset, STATUS_ADD);
}

static void test_read(void **state)
{
    struct bench *bench = opened(state);
    int token;
    for (unsigned count = 1; count <= VIRTIO_BLK_SEGMENTS; count++) {
        assert_int_equal(transfer(bench, VIRTIO_BLK_READ, count * 7, count, 4096, &token), 0);
        assert_int_equal(finish(bench, 0, &token), 0);
        assert_memory_equal(bench->memory.memory, bench->disk + 512ul * count * 7, 4096ul * count);
    }
    assert_int_equal(bench->blk.in_flight, 0);
}

static void test_write(void **state)
{
    struct bench *bench = opened(state);
    int token;
    memset(bench->memory.memory, 0x5a, 3 * 4096);
    assert_int_equal(transfer(bench, VIRTIO_BLK_WRITE, 100, 3, 512, &token), 0);
    assert_int_equal(finish(bench, 0, &token), 0);
    assert_memory_equal(bench->disk + 512 * 100, bench->memory.memory, 512 * 3);
    assert_int_not_equal(bench->disk[512 * 103], 0x5a);
}

static void test_flush(void **state)
{
    struct bench *bench = opened(state);
    int token;
    assert_int_equal(virtio_blk_flush(&bench->blk, &token), 0);
    assert_int_equal(finish(bench, 0, &token), 0);
    assert_int_equal(virtio_blk_flush(&bench->blk, &token), 0);
    assert_int_equal(finish(bench, 1, &token), EIO);
}

static void test_refused(void **state)
{
    struct bench *bench = opened(state);
    int token;
    assert_int_equal(transfer(bench, VIRTIO_BLK_READ, 0, 0, 512, &token), EINVAL);
    assert_int_equal(transfer(bench, VIRTIO_BLK_READ, 0, 1, 0, &token), EINVAL);
    assert_int_equal(transfer(bench, VIRTIO_BLK_READ, 0, 1, 100, &token), EINVAL);
    assert_int_equal(transfer(bench, VIRTIO_BLK_READ, 0, 1, 8192, &token), EINVAL);
    assert_int_equal(transfer(bench, VIRTIO_BLK_READ, 0, VIRTIO_BLK_SEGMENTS + 1, 512, &token),
                     EINVAL);
    assert_int_equal(transfer(bench, VIRTIO_BLK_READ, SECTORS, 1, 512, &token), EINVAL);
    assert_int_equal(transfer(bench, VIRTIO_BLK_READ, SECTORS - 1, 1, 1024, &token), EINVAL);
    assert_int_equal(transfer(bench, VIRTIO_BLK_READ, UINT64_MAX, 1, 512, &token), EINVAL);
    assert_int_equal(transfer(bench, VIRTIO_BLK_READ, SECTORS - 1, 1, 512, &token), 0);
    assert_int_equal(finish(bench, 0, &token), 0);
}

static void test_read_only(void **state)
{
    struct bench *bench = *state;
    int token;
    bench->fake.offered |= READ_ONLY;
    opened(state);
    assert_true(bench->blk.read_only);
    assert_int_equal(transfer(bench, VIRTIO_BLK_WRITE, 0, 1, 512, &token), EROFS);
    assert_int_equal(transfer(bench, VIRTIO_BLK_READ, 0, 1, 512, &token), 0);
}

/* Small requests until all are under way, then big ones until the ring is full; all come back. */
static void test_many(void **state)
{
    struct bench *bench = opened(state);
    void *token;
    int result, tokens[VIRTIO_BLK_REQUESTS];
    unsigned small = 0, big = 0;
    while (transfer(bench, VIRTIO_BLK_READ, small, 1, 512, &tokens[small]) == 0)
        small++;
    assert_int_equal(small, VIRTIO_BLK_REQUESTS);
    virtio_blk_submit(&bench->blk);
    for (unsigned i = 0; i < small; i++) {
        assert_true(fake_virtio_serve_disk(&bench->fake, bench->disk, 0));
        assert_int_equal(virtio_blk_take(&bench->blk, &token, &result), 0);
        assert_ptr_equal(token, &tokens[i]);
    }
    assert_int_equal(virtio_blk_take(&bench->blk, &token, &result), EAGAIN);
    while (transfer(bench, VIRTIO_BLK_READ, big, 32, 4096, &tokens[big]) == 0)
        big++;
    assert_int_equal(big, 256 / 34);
    assert_int_equal(transfer(bench, VIRTIO_BLK_READ, 0, 32, 4096, &tokens[0]), EAGAIN);
    virtio_blk_submit(&bench->blk);
    while (fake_virtio_serve_disk(&bench->fake, bench->disk, 0))
        assert_int_equal(virtio_blk_take(&bench->blk, &token, &result), 0);
    assert_int_equal(bench->blk.in_flight, 0);
}

static void test_failures(void **state)
{
    struct bench *bench = opened(state);
    int token;
    for (unsigned status = 1; status < 256; status += 50) {
        assert_int_equal(transfer(bench, VIRTIO_BLK_READ, 5, 2, 512, &token), 0);
        assert_int_equal(finish(bench, (uint8_t)status, &token), EIO);
    }
    assert_int_equal(transfer(bench, VIRTIO_BLK_READ, 5, 2, 512, &token), 0);
    assert_int_equal(finish(bench, 0, &token), 0);
}

/* "Done", but less was written than a read needs: then there are other bytes in the memory. */
static void test_short_read(void **state)
{
    struct bench *bench = opened(state);
    void *taken;
    int token, result;
    assert_int_equal(transfer(bench, VIRTIO_BLK_READ, 5, 2, 512, &token), 0);
    virtio_blk_submit(&bench->blk);
    int head = fake_virtio_next(&bench->fake, 0);
    ((uint8_t *)bench->blk.headers.memory)[16] = 0;
    fake_virtio_finish(&bench->fake, 0, (uint32_t)head, 1024);
    assert_int_equal(virtio_blk_take(&bench->blk, &taken, &result), 0);
    assert_int_equal(result, EIO);
}

static void lie(struct bench *bench, uint32_t id, uint32_t length)
{
    void *taken;
    int token, result;
    assert_int_equal(transfer(bench, VIRTIO_BLK_READ, 5, 2, 512, &token), 0);
    virtio_blk_submit(&bench->blk);
    fake_virtio_finish(&bench->fake, 0, id, length);
    assert_int_equal(virtio_blk_take(&bench->blk, &taken, &result), EIO);
    assert_int_equal(virtio_blk_take(&bench->blk, &taken, &result), EIO);
    assert_int_equal(transfer(bench, VIRTIO_BLK_READ, 5, 2, 512, &token), EIO);
    assert_int_equal(virtio_blk_flush(&bench->blk, &token), EIO);
    assert_true(virtio_blk_arm(&bench->blk));
}

static void test_lie_unknown(void **state)
{
    lie(opened(state), 77, 0);
}

static void test_lie_huge(void **state)
{
    lie(opened(state), 70000, 0);
}

static void test_lie_length(void **state)
{
    struct bench *bench = opened(state);
    lie(bench, bench->blk.queue.ring.free_head, 1026);
}

static void test_unusable(void **state)
{
    struct bench *bench = *state;
    struct virtio_blk *blk = &bench->blk;
    uint32_t value = 4096;
    uint64_t sectors = UINT64_MAX;
    memcpy(bench->fake.device_config + 20, &value, 4);
    assert_int_equal(virtio_blk_open(blk, &bench->function), ENOTSUP);
    fake_virtio_become_disk(&bench->fake, SECTORS, 2);
    assert_int_equal(virtio_blk_open(blk, &bench->function), ENOTSUP); /* SIZE_MAX 0 */
    fake_virtio_become_disk(&bench->fake, SECTORS, 0);
    memset(bench->fake.device_config + 12, 0, 4);
    assert_int_equal(virtio_blk_open(blk, &bench->function), ENOTSUP);
    fake_virtio_become_disk(&bench->fake, sectors, 0);
    assert_int_equal(virtio_blk_open(blk, &bench->function), ENOTSUP);
    fake_virtio_become_disk(&bench->fake, SECTORS, 0);
    bench->fake.queues[0].size = 32;
    assert_int_equal(virtio_blk_open(blk, &bench->function), ENOTSUP);
    bench->fake.queues[0].size = 256;
    bench->fake.refuse_dma = true;
    assert_int_equal(virtio_blk_open(blk, &bench->function), ENOMEM);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_open),       TEST(test_read),        TEST(test_write),    TEST(test_flush),
        TEST(test_refused),    TEST(test_read_only),   TEST(test_many),     TEST(test_failures),
        TEST(test_short_read), TEST(test_lie_unknown), TEST(test_lie_huge), TEST(test_lie_length),
        TEST(test_unusable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
