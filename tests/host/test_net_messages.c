/* SPDX-License-Identifier: BSD-2-Clause */
/* The network service's pure readers: DNS and time messages, settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "services/net/dns_message.h"
#include "services/net/ntp_message.h"
#include "services/net/settings.h"

/* --- a message under construction --------------------------------------------------------------- */

static uint8_t message[4096];
static size_t length;

static void put(const void *bytes, size_t count)
{
    memcpy(message + length, bytes, count);
    length += count;
}

static void put16(unsigned value)
{
    put((uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static void put_name(const char *name)
{
    while (*name != '\0') {
        size_t label = strcspn(name, ".");
        put((uint8_t[]){(uint8_t)label}, 1);
        put(name, label);
        name += label + (name[label] == '.');
    }
    put("", 1);
}

static void begin(unsigned id, unsigned flags, unsigned answers, const char *name, unsigned type)
{
    length = 0;
    put16(id);
    put16(flags);
    put16(1);
    put16(answers);
    put16(0);
    put16(0);
    put_name(name);
    put16(type);
    put16(1);
}

static void put_record(const char *owner, unsigned type, unsigned ttl, const void *data,
                       size_t size)
{
    if (owner == NULL)
        put16(0xc00c); /* the question's name */
    else
        put_name(owner);
    put16(type);
    put16(1);
    put16(ttl >> 16);
    put16(ttl);
    put16((unsigned)size);
    put(data, size);
}

static void put_alias(const char *owner, unsigned ttl, const char *target)
{
    uint8_t name[256];
    size_t start = length;
    put_name(target);
    size_t size = length - start;
    memcpy(name, message + start, size);
    length = start;
    put_record(owner, DNS_TYPE_CNAME, ttl, name, size);
}

static struct dns_question question(const char *name, enum dns_type type)
{
    struct dns_question asked = {.id = 0x1234, .type = type};
    strcpy(asked.name, name);
    return asked;
}

static const uint8_t address4[4] = {192, 0, 2, 7};
static const uint8_t address6[16] = {0x20, 1, 0xd, 0xb8, [15] = 9};

/* The message is copied to memory of just its size, so that reading beyond it is seen. */
static enum dns_verdict parse(const struct dns_question *asked, struct dns_answer *answer)
{
    uint8_t *exact = malloc(length);
    memcpy(exact, message, length);
    enum dns_verdict verdict = dns_parse(asked, exact, length, answer);
    free(exact);
    return verdict;
}

/* --- DNS ---------------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "example.org", "_http._tcp.x-1.org", "0.0"};
    static const char *const bad[] = {"",      ".",   "a.",  ".a",  "a..b",
                                      "A.org", "a b", "a/b", "a\n", "\xc3\xa4.org"};
    char label[70];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(dns_name_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(dns_name_valid(bad[i], strlen(bad[i])));
    assert_false(dns_name_valid("a\0b", 3));
    memset(label, 'a', sizeof(label));
    assert_true(dns_name_valid(label, 63));
    assert_false(dns_name_valid(label, 64));
}

static void test_longest_name(void **state)
{
    (void)state;
    struct dns_question asked = question("", DNS_TYPE_A);
    uint8_t query[DNS_QUERY_MAX];
    memset(asked.name, 'a', DNS_NAME_MAX);
    for (size_t i = 63; i < DNS_NAME_MAX; i += 64)
        asked.name[i] = '.';
    assert_true(dns_name_valid(asked.name, DNS_NAME_MAX));
    assert_int_equal(dns_query(&asked, query), DNS_QUERY_MAX);
    /* The question comes back: NAME, then one answer to it. */
    begin(0x1234, 0x8180, 1, asked.name, DNS_TYPE_A);
    put_record(NULL, DNS_TYPE_A, 1, address4, 4);
    struct dns_answer answer;
    assert_int_equal(parse(&asked, &answer), DNS_FOUND);
}

static void test_query(void **state)
{
    (void)state;
    struct dns_question asked = question("www.example.org", DNS_TYPE_AAAA);
    uint8_t query[DNS_QUERY_MAX];
    static const uint8_t expected[] =
        "\x12\x34\x01\0\0\1\0\0\0\0\0\0\3www\7example\3org\0\0\x1c\0\1";
    assert_int_equal(dns_query(&asked, query), sizeof(expected) - 1);
    assert_memory_equal(query, expected, sizeof(expected) - 1);
}

static void test_addresses(void **state)
{
    (void)state;
    struct dns_answer answer;
    struct dns_question asked = question("example.org", DNS_TYPE_A);
    begin(0x1234, 0x8180, 2, "EXAMPLE.org", DNS_TYPE_A);
    put_record(NULL, DNS_TYPE_A, 300, address4, 4);
    put_record("eXample.ORG", DNS_TYPE_A, 0xffffffff, address4, 4);
    assert_int_equal(parse(&asked, &answer), DNS_FOUND);
    assert_int_equal(answer.count, 2);
    assert_memory_equal(answer.addresses[0].bytes, address4, 4);
    assert_int_equal(answer.addresses[0].ttl, 300);
    assert_int_equal(answer.addresses[1].ttl, 0);
    asked = question("example.org", DNS_TYPE_AAAA);
    begin(0x1234, 0x8180, 1, "example.org", DNS_TYPE_AAAA);
    put_record(NULL, DNS_TYPE_AAAA, 5, address6, 16);
    assert_int_equal(parse(&asked, &answer), DNS_FOUND);
    assert_memory_equal(answer.addresses[0].bytes, address6, 16);
}

static void test_aliases(void **state)
{
    (void)state;
    struct dns_answer answer;
    struct dns_question asked = question("www.example.org", DNS_TYPE_A);
    /* In the wrong order, with a stranger in between. */
    begin(0x1234, 0x8180, 4, "www.example.org", DNS_TYPE_A);
    put_record("host.example.net", DNS_TYPE_A, 100, address4, 4);
    put_alias("cdn.example.net", 7, "host.example.net");
    put_record("evil.example.com", DNS_TYPE_A, 100, (uint8_t[]){6, 6, 6, 6}, 4);
    put_alias(NULL, 50, "cdn.example.net");
    assert_int_equal(parse(&asked, &answer), DNS_FOUND);
    assert_int_equal(answer.count, 1);
    assert_memory_equal(answer.addresses[0].bytes, address4, 4);
    assert_int_equal(answer.addresses[0].ttl, 7);
    /* An alias that leads out of the message is to be asked for. */
    begin(0x1234, 0x8180, 1, "www.example.org", DNS_TYPE_A);
    put_alias(NULL, 50, "Other.example.net");
    assert_int_equal(parse(&asked, &answer), DNS_ALIAS);
    assert_string_equal(answer.alias, "other.example.net");
    assert_int_equal(answer.alias_ttl, 50);
    /* One that is no name is not. */
    begin(0x1234, 0x8180, 1, "www.example.org", DNS_TYPE_A);
    put_alias(NULL, 50, "b!d.example.net");
    assert_int_equal(parse(&asked, &answer), DNS_FAILED);
    /* In a circle. */
    begin(0x1234, 0x8180, 2, "www.example.org", DNS_TYPE_A);
    put_alias(NULL, 50, "b.example.net");
    put_alias("b.example.net", 50, "www.example.org");
    assert_int_equal(parse(&asked, &answer), DNS_FAILED);
}

static void test_foreign(void **state)
{
    (void)state;
    struct dns_answer answer;
    struct dns_question asked = question("example.org", DNS_TYPE_A);
    begin(0x1235, 0x8180, 0, "example.org", DNS_TYPE_A);
    assert_int_equal(parse(&asked, &answer), DNS_FOREIGN);
    begin(0x1234, 0x0180, 0, "example.org", DNS_TYPE_A);
    assert_int_equal(parse(&asked, &answer), DNS_FOREIGN);
    begin(0x1234, 0x8180, 0, "example.com", DNS_TYPE_A);
    assert_int_equal(parse(&asked, &answer), DNS_FOREIGN);
    begin(0x1234, 0x8180, 0, "example.org", DNS_TYPE_AAAA);
    assert_int_equal(parse(&asked, &answer), DNS_FOREIGN);
    length = 11;
    assert_int_equal(parse(&asked, &answer), DNS_FOREIGN);
}

static void test_verdicts(void **state)
{
    (void)state;
    struct dns_answer answer;
    struct dns_question asked = question("example.org", DNS_TYPE_A);
    begin(0x1234, 0x8183, 0, "example.org", DNS_TYPE_A);
    assert_int_equal(parse(&asked, &answer), DNS_NO_NAME);
    begin(0x1234, 0x8182, 0, "example.org", DNS_TYPE_A);
    assert_int_equal(parse(&asked, &answer), DNS_FAILED);
    begin(0x1234, 0x8380, 0, "example.org", DNS_TYPE_A);
    assert_int_equal(parse(&asked, &answer), DNS_TRUNCATED);
    begin(0x1234, 0x8180, 0, "example.org", DNS_TYPE_A);
    assert_int_equal(parse(&asked, &answer), DNS_NO_DATA);
    begin(0x1234, 0x8180, 1, "example.org", DNS_TYPE_A);
    put_record(NULL, DNS_TYPE_A, 1, address4, 3);
    assert_int_equal(parse(&asked, &answer), DNS_FAILED);
    begin(0x1234, 0x8180, 2, "example.org", DNS_TYPE_A);
    put_record(NULL, DNS_TYPE_A, 1, address4, 4);
    assert_int_equal(parse(&asked, &answer), DNS_FAILED); /* one is missing */
}

/* Every beginning of a message is refused or read without going beyond it. */
static void test_cut_everywhere(void **state)
{
    (void)state;
    struct dns_answer answer;
    struct dns_question asked = question("www.example.org", DNS_TYPE_A);
    begin(0x1234, 0x8180, 2, "www.example.org", DNS_TYPE_A);
    put_alias(NULL, 50, "cdn.example.net");
    put_record("cdn.example.net", DNS_TYPE_A, 100, address4, 4);
    size_t whole = length;
    for (length = 1; length < whole; length++) {
        enum dns_verdict verdict = parse(&asked, &answer);
        assert_true(verdict == DNS_FOREIGN || verdict == DNS_FAILED);
    }
}

static void test_pointers(void **state)
{
    (void)state;
    struct dns_answer answer;
    struct dns_question asked = question("example.org", DNS_TYPE_A);
    /* To itself, forward, beyond the end, cut in half, and a label of a reserved kind. */
    static const unsigned targets[] = {0xc01d, 0xc01e, 0xffff, 0xc0ff, 0x8001, 0x4001};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        begin(0x1234, 0x8180, 1, "example.org", DNS_TYPE_A);
        put16(targets[i]);
        put("\0\1\0\1\0\0\0\1\0\4abcd", 14);
        assert_int_equal(parse(&asked, &answer), DNS_FAILED);
    }
    begin(0x1234, 0x8180, 1, "example.org", DNS_TYPE_A);
    put("\xc0", 1);
    assert_int_equal(parse(&asked, &answer), DNS_FAILED);
    /* Many pointers backwards that make a name longer than a name can be. */
    begin(0x1234, 0x8180, 1, "example.org", DNS_TYPE_A);
    size_t last = 12;
    for (unsigned i = 0; i < 60; i++) {
        size_t here = length;
        put("\7abcdefg", 8);
        put16(0xc000 | (unsigned)last);
        last = here;
    }
    assert_int_equal(parse(&asked, &answer), DNS_FAILED);
}

static void test_many_addresses(void **state)
{
    (void)state;
    struct dns_answer answer;
    struct dns_question asked = question("example.org", DNS_TYPE_A);
    begin(0x1234, 0x8180, 40, "example.org", DNS_TYPE_A);
    for (unsigned i = 0; i < 40; i++)
        put_record(NULL, DNS_TYPE_A, 1, (uint8_t[]){10, 0, 0, (uint8_t)i}, 4);
    assert_int_equal(parse(&asked, &answer), DNS_FOUND);
    assert_int_equal(answer.count, DNS_ADDRESSES_MAX);
}

/* --- time --------------------------------------------------------------------------------------- */

static void time_message(uint8_t first, uint8_t stratum, uint64_t origin, uint32_t seconds)
{
    memset(message, 0, NTP_MESSAGE);
    message[0] = first;
    message[1] = stratum;
    length = NTP_MESSAGE;
    for (unsigned i = 0; i < 8; i++)
        message[24 + i] = (uint8_t)(origin >> (56 - 8 * i));
    for (unsigned i = 0; i < 4; i++)
        message[32 + i] = message[40 + i] = (uint8_t)(seconds >> (24 - 8 * i));
    message[44] = 0x80; /* half a second */
}

static enum ntp_verdict parse_time(struct ntp_answer *answer)
{
    return ntp_parse(0x1122334455667788, message, length, answer);
}

static void test_time(void **state)
{
    (void)state;
    const uint64_t nonce = 0x1122334455667788;
    struct ntp_answer answer;
    uint8_t request[NTP_MESSAGE];
    ntp_request(nonce, request);
    assert_int_equal(request[0], 0x23);
    assert_int_equal(request[40], 0x11);
    time_message(0x24, 2, nonce, 2208988800u + 1700000000u);
    assert_int_equal(parse_time(&answer), NTP_TIME);
    assert_int_equal(answer.received, 1700000000u * UINT64_C(1000000000));
    assert_int_equal(answer.sent, 1700000000u * UINT64_C(1000000000) + 500000000);
    time_message(0x24, 2, nonce, 5); /* after 2036 */
    assert_int_equal(parse_time(&answer), NTP_TIME);
    assert_int_equal(answer.received / 1000000000, 2085978501);
    time_message(0x24, 2, nonce + 1, 3900000000u);
    assert_int_equal(parse_time(&answer), NTP_FOREIGN);
    time_message(0x23, 2, nonce, 3900000000u);
    assert_int_equal(parse_time(&answer), NTP_FOREIGN);
    time_message(0x24, 0, nonce, 3900000000u); /* go away */
    assert_int_equal(parse_time(&answer), NTP_USELESS);
    time_message(0x24, 16, nonce, 3900000000u);
    assert_int_equal(parse_time(&answer), NTP_USELESS);
    time_message(0xe4, 2, nonce, 3900000000u);
    assert_int_equal(parse_time(&answer), NTP_USELESS);
    time_message(0x24, 2, nonce, 0x80000001u); /* in 1968 */
    assert_int_equal(parse_time(&answer), NTP_USELESS);
    time_message(0x24, 2, nonce, 3900000000u);
    message[40] = 0xe0; /* sent before it was received */
    assert_int_equal(parse_time(&answer), NTP_USELESS);
    length = NTP_MESSAGE - 1;
    assert_int_equal(parse_time(&answer), NTP_FOREIGN);
}

/* --- settings ----------------------------------------------------------------------------------- */

static bool read_one(const char *key, const char *text, bool list, struct settings *settings)
{
    struct argdata_writer writer;
    struct argdata data;
    char wrong[SETTINGS_ERROR] = "";
    argdata_write_begin(&writer, NULL, 0);
    argdata_write_map_begin(&writer);
    argdata_write_str(&writer, key);
    if (list)
        argdata_write_seq_begin(&writer);
    argdata_write_str(&writer, text);
    if (list)
        argdata_write_seq_end(&writer);
    argdata_write_map_end(&writer);
    assert_int_equal(argdata_write_end(&writer, &data), 0);
    bool good = settings_read(data, settings, wrong);
    argdata_write_free(&writer);
    assert_true(good || strstr(wrong, key) != NULL);
    return good;
}

static void test_settings(void **state)
{
    (void)state;
    struct settings settings;
    assert_true(read_one("port", "7", false, &settings));
    assert_string_equal(settings.hostname, "tessera");
    assert_true(read_one("addresses", "10.0.2.15/24", true, &settings));
    assert_int_equal(settings_address(&settings, 4)->prefix, 24);
    assert_null(settings_address(&settings, 6));
    assert_true(read_one("addresses", "fd00::5/64", true, &settings));
    assert_true(read_one("dns", "10.0.2.2!5353", true, &settings));
    assert_int_equal(settings.dns.items[0].port_low, 5353);
    assert_true(read_one("ntp", "::1", true, &settings));
    assert_true(net_set_every_port(&settings.ntp.items[0]));
    assert_true(read_one("gateway", "10.0.2.2", false, &settings) && settings.has_gateway);
    assert_true(read_one("hostname", "box-1", false, &settings));
    assert_true(settings.port_low == 49152 && settings.port_high == 65535);
    assert_true(read_one("ports", "5000-5001", false, &settings) && settings.port_high == 5001);
    assert_false(read_one("ports", "5001-5000", false, &settings));
    assert_false(read_one("ports", "5000", false, &settings));
    static const char *const bad[] = {"10.0.2.15",
                                      "10.0.2.15/33",
                                      "10.0.2.15/0",
                                      "10.0.2.15/024",
                                      "10.0.2/24",
                                      "10.0.2.0~24/24",
                                      "10.0.2.15!1/24",
                                      "fd00::5/129",
                                      "",
                                      "/",
                                      "x/24"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(read_one("addresses", bad[i], true, &settings));
    assert_false(read_one("dns", "10.0.0.0~8", true, &settings));
    assert_false(read_one("dns", "10.0.0.1!0", true, &settings));
    assert_false(read_one("dns", "10.0.0.1!1-2", true, &settings));
    assert_false(read_one("dns", "*", true, &settings));
    assert_false(read_one("dns", "10.0.0.1", false, &settings));
    assert_false(read_one("gateway", "::1", false, &settings));
    assert_false(read_one("gateway", "10.0.2.2", true, &settings));
    assert_false(read_one("hostname", "Box", false, &settings));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_longest_name),
        cmocka_unit_test(test_query),    cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_aliases),  cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_verdicts), cmocka_unit_test(test_cut_everywhere),
        cmocka_unit_test(test_pointers), cmocka_unit_test(test_many_addresses),
        cmocka_unit_test(test_time),     cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
