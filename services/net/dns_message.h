/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the domain name system (RFC 1035, 3596): questions for addresses and what was answered.
 *
 * Names are the project's canonical text: labels of lower-case letters, digits, `-` and `_`, without a dot
 * at the end. An answer comes from anybody who can send a datagram: every length and pointer in it is
 * checked, pointers only lead backwards, and records that do not belong to the question are passed over.
 *
 * Pure: no I/O, no allocation.
 */
#ifndef SERVICES_NET_DNS_MESSAGE_H
#define SERVICES_NET_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_MAX      253
#define DNS_QUERY_MAX     (12 + DNS_NAME_MAX + 2 + 4)
#define DNS_ADDRESSES_MAX 16

enum dns_type { DNS_TYPE_A = 1, DNS_TYPE_CNAME = 5, DNS_TYPE_AAAA = 28 };

struct dns_question {
    char name[DNS_NAME_MAX + 1];
    uint16_t id;
    enum dns_type type;
    uint32_t ttl_limit; /* of the aliases that led here; 0: none did */
};

enum dns_verdict {
    DNS_FOREIGN,   /* no answer to this question: go on waiting */
    DNS_FOUND,     /* addresses */
    DNS_ALIAS,     /* only another name: ask for `alias` */
    DNS_NO_DATA,   /* the name exists and has no address of this kind */
    DNS_NO_NAME,   /* the name does not exist */
    DNS_TRUNCATED, /* ask again over TCP */
    DNS_FAILED,    /* the server cannot or will not, or its answer makes no sense */
};

struct dns_address {
    uint8_t bytes[16]; /* 4 of them for A */
    uint32_t ttl;
};

struct dns_answer {
    struct dns_address addresses[DNS_ADDRESSES_MAX];
    unsigned count;
    char alias[DNS_NAME_MAX + 1];
    uint32_t alias_ttl; /* the smallest on the way to `alias` */
};

/* True if the text is a canonical name. */
bool dns_name_valid(const char *name, size_t length);

/* Writes the question, with recursion desired; returns its length. */
size_t dns_query(const struct dns_question *question, uint8_t message[DNS_QUERY_MAX]);

/* Reads a message that came. `answer` is written for DNS_FOUND and DNS_ALIAS only. */
enum dns_verdict dns_parse(const struct dns_question *question, const uint8_t *message,
                           size_t length, struct dns_answer *answer);

#endif
