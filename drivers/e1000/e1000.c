/* SPDX-License-Identifier: BSD-2-Clause */
#include "drivers/e1000/e1000.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* Registers (13.4 and following). */
#define REG_CTRL   0x0000u
#define REG_STATUS 0x0008u
#define REG_EERD   0x0014u
#define REG_ICR    0x00c0u
#define REG_IMS    0x00d0u
#define REG_IMC    0x00d8u
#define REG_RCTL   0x0100u
#define REG_TCTL   0x0400u
#define REG_TIPG   0x0410u
#define REG_RXRING 0x2800u
#define REG_TXRING 0x3800u
#define REG_RXCSUM 0x5000u
#define REG_MTA    0x5200u
#define REG_RAL    0x5400u
#define REG_RAH    0x5404u
#define REG_END    0x6000u

/* Of a ring, from its first register on. */
#define RING_LOW    0x00u
#define RING_HIGH   0x04u
#define RING_LENGTH 0x08u
#define RING_HEAD   0x10u
#define RING_TAIL   0x18u

#define CTRL_SPEED_AUTO 0x00000020u
#define CTRL_LINK_UP    0x00000040u
#define CTRL_RESET      0x04000000u
#define STATUS_LINK     0x00000002u
#define EERD_START      0x00000001u
#define EERD_DONE       0x00000010u
#define IRQ_TRANSMIT    0x00000001u
#define IRQ_LINK        0x00000004u
#define IRQ_RECEIVE     0x000000d0u /* a frame, few descriptors left, overrun */
#define RCTL_ON         0x00000002u
#define RCTL_MULTICAST  0x00000010u /* all of it; IPv6 lives by it */
#define RCTL_BROADCAST  0x00008000u
#define RCTL_STRIP      0x04000000u /* the check sequence */
#define TCTL_ON         0x00000002u
#define TCTL_PAD        0x00000008u
#define TCTL_COLLISION  0x0003f0f0u /* 15 tries, full duplex (13.4.33) */
#define TIPG_COPPER     0x00602008u
#define RXCSUM_ON       0x00000300u /* IP and TCP or UDP */
#define RAH_VALID       0x80000000u
#define MTA_WORDS       128u

/* Descriptors (3.2.3, 3.3.3). */
struct receive_descriptor {
    uint64_t address;
    uint16_t length;
    uint16_t checksum;
    uint8_t status, errors;
    uint16_t special;
};

struct transmit_descriptor {
    uint64_t address;
    uint16_t length;
    uint8_t checksum_offset, command;
    uint8_t status, checksum_start;
    uint16_t special;
};

static_assert(sizeof(struct receive_descriptor) == 16, "3.2.3");
static_assert(sizeof(struct transmit_descriptor) == 16, "3.3.3");

#define STATUS_DONE       0x01u
#define STATUS_END        0x02u
#define STATUS_NO_SUM     0x04u
#define STATUS_SUM        0x20u
#define ERRORS_SUM        0x60u
#define ERRORS_FRAME      0x97u
#define COMMAND_END       0x01u
#define COMMAND_CHECK_SEQ 0x02u
#define COMMAND_REPORT    0x08u

/* Then the IP header after 14 bytes of Ethernet is 4-aligned. */
#define FRAME_OFFSET    2u
#define ETHERNET_HEADER 14u
#define PATIENCE        100000u /* reads of a register, each about a microsecond */

static uint32_t read_register(struct e1000 *card, uint32_t offset)
{
    return pci_region_read(card->function, &card->registers, offset, 4);
}

static void write_register(struct e1000 *card, uint32_t offset, uint32_t value)
{
    pci_region_write(card->function, &card->registers, offset, 4, value);
}

static volatile struct receive_descriptor *receive_at(struct e1000 *card, uint16_t slot)
{
    return (volatile struct receive_descriptor *)card->receive.descriptors.memory + slot;
}

static volatile struct transmit_descriptor *transmit_at(struct e1000 *card, uint16_t slot)
{
    return (volatile struct transmit_descriptor *)card->transmit.descriptors.memory + slot;
}

static uint8_t *buffer_at(struct e1000_ring *ring, uint16_t index)
{
    return (uint8_t *)ring->buffers.memory + (size_t)index * NIC_BUFFER + FRAME_OFFSET;
}

static uint64_t bus_at(const struct e1000_ring *ring, uint16_t index)
{
    return ring->buffers.bus + (uint64_t)index * NIC_BUFFER + FRAME_OFFSET;
}

static uint16_t after(const struct e1000_ring *ring, uint16_t slot)
{
    return (uint16_t)((slot + 1) & (ring->size - 1));
}

/* --- bringing up -------------------------------------------------------------------------------- */

static bool wait_for(struct e1000 *card, uint32_t offset, uint32_t mask, uint32_t wanted)
{
    for (unsigned i = 0; i < PATIENCE; i++) {
        if ((read_register(card, offset) & mask) == wanted)
            return true;
    }
    return false;
}

static int reset(struct e1000 *card)
{
    write_register(card, REG_IMC, UINT32_MAX);
    write_register(card, REG_CTRL, read_register(card, REG_CTRL) | CTRL_RESET);
    if (!wait_for(card, REG_CTRL, CTRL_RESET, 0))
        return EIO;
    write_register(card, REG_IMC, UINT32_MAX);
    (void)read_register(card, REG_ICR);
    return 0;
}

static int read_eeprom(struct e1000 *card, uint32_t word, uint16_t *value)
{
    write_register(card, REG_EERD, word << 8 | EERD_START);
    if (!wait_for(card, REG_EERD, EERD_DONE, EERD_DONE))
        return EIO;
    *value = (uint16_t)(read_register(card, REG_EERD) >> 16);
    return 0;
}

/* The card has put its address into the first filter; if not, it is in the EEPROM. */
static int read_mac(struct e1000 *card)
{
    uint32_t low = read_register(card, REG_RAL), high = read_register(card, REG_RAH);
    uint16_t words[3] = {(uint16_t)low, (uint16_t)(low >> 16), (uint16_t)high};
    if ((high & RAH_VALID) == 0) {
        for (uint32_t i = 0; i < 3; i++) {
            int error = read_eeprom(card, i, &words[i]);
            if (error != 0)
                return error;
        }
    }
    for (unsigned i = 0; i < 6; i++)
        card->mac[i] = (uint8_t)(words[i / 2] >> (8 * (i % 2)));
    if ((card->mac[0] & 1) != 0)
        return EIO; /* a group's address is nobody's own */
    write_register(card, REG_RAL, (uint32_t)words[1] << 16 | words[0]);
    write_register(card, REG_RAH, RAH_VALID | words[2]);
    return 0;
}

static int ring_open(struct e1000 *card, struct e1000_ring *ring, uint16_t size, uint32_t offset)
{
    struct pci_function *function = card->function;
    ring->size = size;
    int error = function->ops->dma_alloc(function->context, 4096, &ring->descriptors);
    if (error == 0)
        error = function->ops->dma_alloc(
            function->context, ((size_t)size * NIC_BUFFER + 4095) & ~(size_t)4095, &ring->buffers);
    if (error != 0)
        return error;
    write_register(card, offset + RING_LOW, (uint32_t)ring->descriptors.bus);
    write_register(card, offset + RING_HIGH, (uint32_t)(ring->descriptors.bus >> 32));
    write_register(card, offset + RING_LENGTH, 16u * size);
    write_register(card, offset + RING_HEAD, 0);
    write_register(card, offset + RING_TAIL, 0);
    return 0;
}

static void give_receive(struct e1000 *card, uint16_t index)
{
    struct e1000_ring *ring = &card->receive;
    volatile struct receive_descriptor *descriptor = receive_at(card, ring->tail);
    descriptor->address = bus_at(ring, index);
    descriptor->length = 0;
    descriptor->errors = 0;
    descriptor->status = 0;
    ring->slots[ring->tail] = index;
    ring->tail = after(ring, ring->tail);
}

static void start(struct e1000 *card)
{
    for (uint32_t i = 0; i < MTA_WORDS; i++)
        write_register(card, REG_MTA + 4 * i, 0);
    for (uint16_t i = 0; i < card->receive.size - 1; i++)
        give_receive(card, i);
    for (uint16_t i = 0; i < card->transmit.size - 1; i++)
        card->transmit.free[card->transmit.free_count++] = i;
    write_register(card, REG_RXCSUM, RXCSUM_ON);
    write_register(card, REG_TIPG, TIPG_COPPER);
    write_register(card, REG_CTRL, read_register(card, REG_CTRL) | CTRL_LINK_UP | CTRL_SPEED_AUTO);
    write_register(card, REG_TCTL, TCTL_ON | TCTL_PAD | TCTL_COLLISION);
    write_register(card, REG_RCTL, RCTL_ON | RCTL_MULTICAST | RCTL_BROADCAST | RCTL_STRIP);
    e1000_flush(card);
    write_register(card, REG_IMS, IRQ_RECEIVE | IRQ_LINK);
}

int e1000_open(struct e1000 *card, struct pci_function *function, uint16_t ring)
{
    if (ring < 8 || ring > E1000_RING_MAX || (ring & (ring - 1)) != 0)
        return EINVAL;
    *card = (struct e1000){.function = function, .registers = {.bar = 0, .length = REG_END}};
    int error = pci_region_map(function, &card->registers);
    if (error == 0)
        error = pci_enable(function);
    if (error == 0)
        error = reset(card);
    if (error == 0)
        error = read_mac(card);
    if (error == 0)
        error = ring_open(card, &card->receive, ring, REG_RXRING);
    if (error == 0)
        error = ring_open(card, &card->transmit, ring, REG_TXRING);
    if (error == 0)
        start(card);
    else
        e1000_close(card);
    return error;
}

void e1000_close(struct e1000 *card)
{
    card->broken = true;
    write_register(card, REG_RCTL, 0);
    write_register(card, REG_TCTL, 0);
    (void)reset(card);
}

/* --- receiving ---------------------------------------------------------------------------------- */

/* A frame in one buffer, without errors. */
static bool is_whole(struct e1000 *card, uint8_t status, uint8_t errors, uint16_t length)
{
    bool end = (status & STATUS_END) != 0;
    bool whole = end && !card->skipping;
    card->skipping = !end;
    return whole && (errors & ERRORS_FRAME) == 0 && length >= ETHERNET_HEADER;
}

int e1000_receive(struct e1000 *card, struct nic_frame *frame)
{
    struct e1000_ring *ring = &card->receive;
    while (!card->broken && ring->head != ring->tail) {
        volatile struct receive_descriptor *descriptor = receive_at(card, ring->head);
        uint8_t status = descriptor->status;
        if ((status & STATUS_DONE) == 0)
            return EAGAIN;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        uint16_t length = descriptor->length;
        uint8_t errors = descriptor->errors;
        uint16_t index = ring->slots[ring->head];
        ring->head = after(ring, ring->head);
        if (length > NIC_BUFFER - FRAME_OFFSET) {
            card->broken = true;
            break;
        }
        ring->held[index] = true;
        if (!is_whole(card, status, errors, length)) {
            e1000_recycle(card, index);
            continue;
        }
        *frame = (struct nic_frame){
            .data = buffer_at(ring, index),
            .length = length,
            .index = index,
            .checksum_good =
                (status & (STATUS_SUM | STATUS_NO_SUM)) == STATUS_SUM && (errors & ERRORS_SUM) == 0,
        };
        return 0;
    }
    return card->broken ? EIO : EAGAIN;
}

void e1000_recycle(struct e1000 *card, uint16_t index)
{
    if (index >= card->receive.size - 1 || !card->receive.held[index])
        return;
    card->receive.held[index] = false;
    give_receive(card, index);
}

uint16_t e1000_receive_room(const struct e1000 *card)
{
    return (uint16_t)((card->receive.tail - card->receive.head) & (card->receive.size - 1));
}

/* --- sending ------------------------------------------------------------------------------------ */

int e1000_prepare(struct e1000 *card, uint8_t **data, uint16_t *index)
{
    struct e1000_ring *ring = &card->transmit;
    if (ring->free_count == 0) {
        int error = e1000_reap(card);
        if (error != 0)
            return error;
    }
    if (card->broken)
        return EIO;
    if (ring->free_count == 0)
        return EAGAIN;
    *index = ring->free[--ring->free_count];
    *data = buffer_at(ring, *index);
    ring->held[*index] = true;
    return 0;
}

int e1000_send(struct e1000 *card, uint16_t index, uint32_t length)
{
    struct e1000_ring *ring = &card->transmit;
    if (index >= ring->size - 1 || !ring->held[index] || length > NIC_FRAME_MAX)
        return EINVAL;
    volatile struct transmit_descriptor *descriptor = transmit_at(card, ring->tail);
    descriptor->address = bus_at(ring, index);
    descriptor->length = (uint16_t)length;
    descriptor->checksum_offset = descriptor->checksum_start = 0;
    descriptor->status = 0;
    descriptor->command = COMMAND_END | COMMAND_CHECK_SEQ | COMMAND_REPORT;
    ring->held[index] = false;
    ring->slots[ring->tail] = index;
    ring->tail = after(ring, ring->tail);
    return 0;
}

int e1000_reap(struct e1000 *card)
{
    struct e1000_ring *ring = &card->transmit;
    while (ring->head != ring->flushed &&
           (transmit_at(card, ring->head)->status & STATUS_DONE) != 0) {
        ring->free[ring->free_count++] = ring->slots[ring->head];
        ring->head = after(ring, ring->head);
    }
    return card->broken ? EIO : 0;
}

static void flush_ring(struct e1000 *card, struct e1000_ring *ring, uint32_t offset)
{
    if (ring->flushed == ring->tail)
        return;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    ring->flushed = ring->tail;
    write_register(card, offset + RING_TAIL, ring->tail);
}

void e1000_flush(struct e1000 *card)
{
    flush_ring(card, &card->transmit, REG_TXRING);
    flush_ring(card, &card->receive, REG_RXRING);
}

/* --- interrupts --------------------------------------------------------------------------------- */

bool e1000_arm(struct e1000 *card, bool want_transmit)
{
    if (card->broken)
        return true;
    if (want_transmit != card->transmit_interrupt) {
        write_register(card, want_transmit ? REG_IMS : REG_IMC, IRQ_TRANSMIT);
        card->transmit_interrupt = want_transmit;
    }
    const struct e1000_ring *transmit = &card->transmit;
    if (want_transmit && transmit->head != transmit->flushed &&
        (transmit_at(card, transmit->head)->status & STATUS_DONE) != 0)
        return true;
    return card->receive.head != card->receive.tail &&
           (receive_at(card, card->receive.head)->status & STATUS_DONE) != 0;
}

/* Reading the causes clears them, and with them the line. */
void e1000_acknowledge(struct e1000 *card)
{
    (void)read_register(card, REG_ICR);
}

bool e1000_link(struct e1000 *card)
{
    return (read_register(card, REG_STATUS) & STATUS_LINK) != 0;
}
