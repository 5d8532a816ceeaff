/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers of name and time servers. The question is fixed and the input's first 12 + 21 bytes are overlaid
 * with what an answer to it must have, unless its first byte is odd. What was found must be sane.
 */
#include <stdlib.h>
#include <string.h>

#include "services/net/dns_message.h"
#include "services/net/ntp_message.h"

static void answer_to(const struct dns_question *question, uint8_t *message, size_t size)
{
    uint8_t query[DNS_QUERY_MAX];
    size_t length = dns_query(question, query);
    if (size < length)
        return;
    memcpy(message, query, 2);
    message[2] = 0x81;
    message[3] &= 0x0f;
    message[4] = 0;
    message[5] = 1;
    memcpy(message + 12, query + 12, length - 12);
}

static void check(const struct dns_question *question, const uint8_t *message, size_t size)
{
    struct dns_answer answer;
    enum dns_verdict verdict = dns_parse(question, message, size, &answer);
    if (verdict == DNS_FOUND && (answer.count == 0 || answer.count > DNS_ADDRESSES_MAX))
        abort();
    if (verdict == DNS_ALIAS && !dns_name_valid(answer.alias, strlen(answer.alias)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct dns_question question = {.name = "www.example.org", .id = 7, .type = DNS_TYPE_A};
    struct ntp_answer time;
    if (size < 1)
        return 0;
    uint8_t *message = malloc(size);
    memcpy(message, input + 1, size - 1);
    if ((input[0] & 1) == 0)
        answer_to(&question, message, size - 1);
    question.type = input[0] & 2 ? DNS_TYPE_A : DNS_TYPE_AAAA;
    if ((input[0] & 1) == 0)
        answer_to(&question, message, size - 1);
    check(&question, message, size - 1);
    (void)ntp_parse(0, message, size - 1, &time);
    (void)dns_name_valid((const char *)message, size - 1);
    free(message);
    return 0;
}
