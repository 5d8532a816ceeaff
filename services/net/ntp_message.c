/* SPDX-License-Identifier: BSD-2-Clause */
#include "services/net/ntp_message.h"

#include <string.h>

#define VERSION        4
#define MODE_CLIENT    3
#define MODE_SERVER    4
#define LEAP_ALARM     3
#define STRATUM_LAST   15
#define AT_ORIGIN      24
#define AT_RECEIVE     32
#define AT_TRANSMIT    40
#define SECOND         UINT64_C(1000000000)
#define SECONDS_1970   UINT64_C(2208988800)
#define ERA            (UINT64_C(1) << 32)
#define FIRST_OF_ERA_0 UINT64_C(0x80000000) /* RFC 4330, 3: in 1968 */

static void put64(uint8_t *at, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get64(const uint8_t *at)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value = value << 8 | at[i];
    return value;
}

void ntp_request(uint64_t nonce, uint8_t message[NTP_MESSAGE])
{
    memset(message, 0, NTP_MESSAGE);
    message[0] = VERSION << 3 | MODE_CLIENT;
    put64(message + AT_TRANSMIT, nonce);
}

/* Seconds in the upper half, a binary fraction in the lower. Zero: before 1970. */
static uint64_t nanoseconds(uint64_t time)
{
    uint64_t seconds = time >> 32;
    uint64_t fraction = (time & UINT32_MAX) * SECOND >> 32;
    if (seconds < FIRST_OF_ERA_0)
        seconds += ERA;
    return seconds < SECONDS_1970 ? 0 : (seconds - SECONDS_1970) * SECOND + fraction;
}

enum ntp_verdict ntp_parse(uint64_t nonce, const uint8_t *message, size_t length,
                           struct ntp_answer *answer)
{
    if (length < NTP_MESSAGE || (message[0] & 7) != MODE_SERVER ||
        get64(message + AT_ORIGIN) != nonce)
        return NTP_FOREIGN;
    unsigned version = message[0] >> 3 & 7;
    struct ntp_answer found = {nanoseconds(get64(message + AT_RECEIVE)),
                               nanoseconds(get64(message + AT_TRANSMIT))};
    if (version < 3 || version > VERSION || message[0] >> 6 == LEAP_ALARM || message[1] == 0 ||
        message[1] > STRATUM_LAST || found.received == 0 || found.sent < found.received)
        return NTP_USELESS;
    *answer = found;
    return NTP_TIME;
}
