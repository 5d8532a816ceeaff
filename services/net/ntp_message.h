/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the simple network time protocol (RFC 4330), client's side.
 *
 * The request's transmit time is a random number and not this machine's time: it tells nobody the time here,
 * and an answer that does not repeat it is forged or late. Pure.
 */
#ifndef SERVICES_NET_NTP_MESSAGE_H
#define SERVICES_NET_NTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NTP_MESSAGE 48

enum ntp_verdict {
    NTP_FOREIGN, /* not the answer to this request */
    NTP_TIME,
    NTP_USELESS, /* the server is not synchronised, or wants to be left alone */
};

struct ntp_answer {
    uint64_t received; /* nanoseconds since 1970, by the server's clock */
    uint64_t sent;
};

void ntp_request(uint64_t nonce, uint8_t message[NTP_MESSAGE]);
enum ntp_verdict ntp_parse(uint64_t nonce, const uint8_t *message, size_t length,
                           struct ntp_answer *answer);

#endif
