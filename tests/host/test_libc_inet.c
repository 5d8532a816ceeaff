/* SPDX-License-Identifier: BSD-2-Clause */
/* Internet addresses as text: libc's functions (compiled as tm_...) against those of the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

int tm_inet_pton(int family, const char *text, void *out);
const char *tm_inet_ntop(int family, const void *address, char *out, socklen_t size);

static const char *const texts[] = {
    "1.2.3.4",
    "0.0.0.0",
    "255.255.255.255",
    "256.1.1.1",
    "1.2.3",
    "1.2.3.4.",
    "1.2.3.4.5",
    "",
    "1..2.3",
    "a.b.c.d",
    "1.2.3.4 ",
    " 1.2.3.4",
    "::",
    "::1",
    "1::",
    "1::2",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1::2::3",
    ":1",
    "1:",
    ":::",
    "fe80::1",
    "FE80::ABCD",
    "::ffff:1.2.3.4",
    "1:2:3:4:5:6:1.2.3.4",
    "1:2:3:4:5:6:7:1.2.3.4",
    "::1.2.3",
    "12345::",
    "g::",
    "1:2:3:4:5:6:7::",
    "::2:3:4:5:6:7:8",
    "0:0:0:0:0:0:0:0",
    "1:0:0:2:0:0:0:3",
    "::1:",
    "1.2.3.4::",
};

static void both_parse(const char *text, int family)
{
    unsigned char ours[16] = {0};
    unsigned char theirs[16] = {0};
    int a = tm_inet_pton(family, text, ours);
    int b = inet_pton(family, text, theirs);

    if (a != b || (a == 1 && memcmp(ours, theirs, 16) != 0))
        fail_msg("'%s' (family %d): ours %d, the host's %d", text, family, a, b);
}

static void parses_as_the_host_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        both_parse(texts[i], AF_INET);
        both_parse(texts[i], AF_INET6);
    }
}

static void mutations_parse_the_same(void **state)
{
    static const char alphabet[] = "0123456789abcdefF:.:g ";

    (void)state;
    srand(1);
    for (int i = 0; i < 200000; i++) {
        char text[64];
        strcpy(text, texts[(size_t)rand() % (sizeof(texts) / sizeof(texts[0]))]);
        for (int n = rand() % 3; n >= 0 && text[0] != '\0'; n--)
            text[(size_t)rand() % strlen(text)] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
        both_parse(text, AF_INET);
        both_parse(text, AF_INET6);
    }
}

static void formats_as_the_host_does(void **state)
{
    (void)state;
    srand(2);
    for (int i = 0; i < 100000; i++) {
        unsigned char bytes[16];
        char ours[64];
        char theirs[64];
        for (int k = 0; k < 16; k += 2) {
            int zero = rand() % 2;
            bytes[k] = zero ? 0 : (unsigned char)rand();
            bytes[k + 1] = zero ? 0 : (unsigned char)rand();
        }
        bytes[0] |= 0x20; /* the host writes compatible addresses in another way */
        assert_non_null(tm_inet_ntop(AF_INET6, bytes, ours, sizeof(ours)));
        assert_non_null(inet_ntop(AF_INET6, bytes, theirs, sizeof(theirs)));
        assert_string_equal(ours, theirs);
        assert_non_null(tm_inet_ntop(AF_INET, bytes, ours, sizeof(ours)));
        assert_non_null(inet_ntop(AF_INET, bytes, theirs, sizeof(theirs)));
        assert_string_equal(ours, theirs);
    }
    char small[4];
    assert_null(tm_inet_ntop(AF_INET, "\1\2\3\4", small, sizeof(small)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_as_the_host_does),
        cmocka_unit_test(mutations_parse_the_same),
        cmocka_unit_test(formats_as_the_host_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
