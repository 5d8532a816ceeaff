/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions that lwIP calls out to, and the port's own interface. */
#ifndef LWIP_HOOKS_H
#define LWIP_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lwip/err.h"
#include "lwip/ip_addr.h"

struct pbuf;
struct tcp_hdr;
struct tcp_pcb;

/* RFC 6528: a clock plus a keyed hash of the connection. */
uint32_t lwip_port_sequence(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
                            uint16_t remote_port);

/* A keyed hash of a connection and of what else it is about; the key is this run's. */
uint64_t lwip_port_hash(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
                        uint16_t remote_port, uint64_t more);

/* Looks at a segment before lwIP does. OPTIONS: OPTIONS_LEN bytes, of which FIRST_LEN lie behind the header and the rest at
 * SECOND. ERR_OK: lwIP goes on with it. */
err_t lwip_port_segment(struct tcp_pcb *pcb, struct tcp_hdr *header, uint16_t options_len,
                        uint16_t first_len, const uint8_t *second, struct pbuf *pbuf);

/* Is asked before lwIP takes a segment with data, whose first byte has the number SEQUENCE; unless it says ERR_OK, the
 * segment is dropped. */
void lwip_port_admission(err_t (*function)(struct tcp_pcb *pcb, uint32_t sequence));

/* Where the text of a failed assertion goes before the program aborts. */
void lwip_port_complaints(void (*function)(const char *text));

/* Limit of all of lwIP's memory together, in bytes; exceeding it is an allocation failure. */
void lwip_port_memory_limit(size_t limit);

struct lwip_port_memory {
    size_t used, peak; /* bytes */
    uint64_t refusals; /* failed allocations */
};

struct lwip_port_memory lwip_port_memory_state(void);

/* More than half of the limit is in use. */
bool lwip_port_memory_scarce(void);

#endif
