/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of endpoint sets: one name per set, and what narrowing makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "services/net/name.h"

static struct net_set parsed(const char *text)
{
    struct net_set set;
    if (!net_set_parse(text, strlen(text), &set))
        fail_msg("not parsed: %s", text);
    return set;
}

static void test_canonical(void **state)
{
    (void)state;
    static const char *const names[] = {
        "*",
        "*!80",
        "*!1-1024",
        "*!0",
        "10.0.2.2",
        "10.0.2.2!80",
        "10.0.0.0~8",
        "0.0.0.0~0",
        "0.0.0.0~0!26",
        "10.0.0.0~8!1024-65535",
        "::",
        "::1",
        "::~0",
        "2001:db8::1!443",
        "2001:db8::~32",
        "1::1:0:0:1:1",
        "1:0:1::",
        "1:2:3:4:5:6:7:8",
        "0:1:2:3:4:5:6:7",
        "fe80::1%eth0",
        "fe80::1%eth0!80",
        "fe80::~10",
        "fe80::%eth0~64",
        "255.255.255.255!65535",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe~127!65534-65535",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[NET_SET_TEXT_MAX];
        struct net_set set = parsed(names[i]);
        assert_int_equal(net_set_format(&set, text), strlen(names[i]));
        assert_string_equal(text, names[i]);
    }
    char text[NET_SET_TEXT_MAX];
    struct net_set set = parsed("10.0.2.2!*");
    net_set_format(&set, text);
    assert_string_equal(text, "10.0.2.2");
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",
        "!80",
        "*!",
        "**",
        "*!80!81",
        "* ",
        " *",
        "*!080",
        "*!65536",
        "*!1-65535",
        "*!5-5",
        "*!6-5",
        "*!0-5",
        "*!-5",
        "*!5-",
        "*!**",
        "*!+5",
        "10.0.2",
        "10.0.2.2.1",
        "10.0.2.256",
        "010.0.2.2",
        "10.0.2.2~32",
        "10.0.2.2~33",
        "10.0.2.2~24",
        "10.0.2.2~",
        "10.0.2.0~024",
        "0x0a.0.0.1",
        "1",
        "a.b.c.d",
        "::1~128",
        "::1~64",
        ":::",
        "::1::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7::",
        "0:0::1",
        "::01",
        "::A",
        "::12345",
        "1:0:0:1::1:1",
        "::ffff:1.2.3.4",
        "::ffff:102:304",
        "::ffff:0:0~96",
        "::1%eth0",
        "10.0.0.1%eth0",
        "fe80::1",
        "fe80::1%",
        "fe80::1%ETH",
        "fe80::1%toolong0",
        "[::1]",
        "1:",
        ":1",
        ":",
        "::1 ",
        "1:2:3:4:5:6:7:8:",
        "example.org",
        "10.0.2.2/80",
        "..",
    };
    struct net_set set;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (net_set_parse(names[i], strlen(names[i]), &set))
            fail_msg("parsed: %s", names[i]);
    }
    assert_false(net_set_parse("*\0", 2, &set));
    assert_false(net_set_parse("*!8\0", 4, &set));
}

static void check_intersect(const char *a, const char *b, const char *expected)
{
    struct net_set first = parsed(a), second = parsed(b), both, reverse;
    bool found = net_set_intersect(&first, &second, &both);
    assert_int_equal(net_set_intersect(&second, &first, &reverse), found);
    if (expected == NULL) {
        if (found)
            fail_msg("%s and %s meet", a, b);
        return;
    }
    char text[NET_SET_TEXT_MAX];
    assert_true(found);
    net_set_format(&both, text);
    assert_string_equal(text, expected);
    net_set_format(&reverse, text);
    assert_string_equal(text, expected);
    assert_true(net_set_subset(&both, &first));
    assert_true(net_set_subset(&both, &second));
}

static void test_intersect(void **state)
{
    (void)state;
    check_intersect("*", "*", "*");
    check_intersect("*", "10.0.2.2!80", "10.0.2.2!80");
    check_intersect("10.0.0.0~8", "10.0.2.2", "10.0.2.2");
    check_intersect("10.0.0.0~8!80", "10.0.2.2", "10.0.2.2!80");
    check_intersect("10.0.0.0~8", "11.0.2.2", NULL);
    check_intersect("10.0.0.0~9", "10.128.0.0~9", NULL);
    check_intersect("0.0.0.0~0", "::~0", NULL);
    check_intersect("*!80", "*!81", NULL);
    check_intersect("*!80-90", "*!85-95", "*!85-90");
    check_intersect("*!80-90", "10.0.0.1!90", "10.0.0.1!90");
    check_intersect("fe80::~10", "fe80::1%eth0", "fe80::1%eth0");
    check_intersect("fe80::%eth1~64", "fe80::1%eth0", NULL);
    check_intersect("fe80::%eth0~64", "fe80::~10", "fe80::%eth0~64");
    check_intersect("fe80::%eth0~10", "fe80::~64", "fe80::%eth0~64");
    check_intersect("::~0", "fe80::1%eth0", "fe80::1%eth0");
    check_intersect("2001:db8::~32", "2001:db8:8000::~33", "2001:db8:8000::~33");
}

static void test_subset(void **state)
{
    (void)state;
    struct net_set all = parsed("*"), host = parsed("10.0.2.2!80"), net = parsed("10.0.0.0~8");
    struct net_set zone = parsed("fe80::1%eth0"), local = parsed("fe80::%eth1~64");
    assert_true(net_set_subset(&host, &net));
    assert_true(net_set_subset(&net, &all));
    assert_false(net_set_subset(&net, &host));
    assert_false(net_set_subset(&all, &net));
    assert_false(net_set_subset(&zone, &local));
}

static void test_kinds(void **state)
{
    (void)state;
    struct net_set any = parsed("*!26"), host = parsed("10.0.2.2"), net = parsed("10.0.0.0~8!5-6");
    struct net_set chosen = parsed("*!0"), v6 = parsed("::~0!26");
    assert_true(net_set_bindable(&any) && net_set_one_port(&any) && !net_set_one_host(&any));
    assert_true(net_set_bindable(&host) && !net_set_one_port(&host) && net_set_one_host(&host));
    assert_false(net_set_bindable(&net) || net_set_one_port(&net) || net_set_one_host(&net));
    assert_true(net_set_bindable(&v6));
    assert_true(net_set_one_port(&chosen) && chosen.port_low == 1 && chosen.port_high == 65535);
}

static const struct name root = {.kind = NAME_ROOT};

static cloudabi_errno_t resolve(const char *path, struct name *to)
{
    return name_resolve(&root, path, strlen(path), to);
}

static void check_name(const char *path, enum name_kind kind, const char *set, bool endpoint)
{
    struct name name;
    char text[NET_SET_TEXT_MAX];
    if (resolve(path, &name) != 0)
        fail_msg("not resolved: %s", path);
    net_set_format(&name.set, text);
    assert_int_equal(name.kind, kind);
    assert_string_equal(text, set);
    assert_int_equal(name_is_endpoint(&name), endpoint);
    uint8_t cookie[NAME_COOKIE_MAX];
    struct name again;
    assert_true(name_decode(cookie, name_encode(&name, cookie), &again));
    assert_int_equal(name.kind, again.kind);
    assert_memory_equal(&name.set, &again.set, sizeof(name.set));
    assert_string_equal(name.suffix, again.suffix);
}

static void test_names(void **state)
{
    (void)state;
    check_name("tcp", NAME_TCP, "*", false);
    check_name("tcp/connect", NAME_TCP_CONNECT, "*", false);
    check_name("tcp/connect/10.0.2.2!80", NAME_TCP_CONNECT, "10.0.2.2!80", true);
    check_name("tcp/connect/10.0.2.2/80", NAME_TCP_CONNECT, "10.0.2.2!80", true);
    check_name("tcp/connect/10.0.0.0~8/10.0.2.2/80", NAME_TCP_CONNECT, "10.0.2.2!80", true);
    check_name("tcp/connect/10.0.0.0~8!80/10.0.2.2", NAME_TCP_CONNECT, "10.0.2.2!80", true);
    check_name("tcp/connect/10.0.2.2", NAME_TCP_CONNECT, "10.0.2.2", false);
    check_name("tcp/connect/*!80", NAME_TCP_CONNECT, "*!80", false);
    check_name("tcp/listen/*!26", NAME_TCP_LISTEN, "*!26", true);
    check_name("tcp/listen/*!0", NAME_TCP_LISTEN, "*!0", true);
    check_name("tcp/listen/10.0.2.15/0", NAME_TCP_LISTEN, "10.0.2.15!0", true);
    check_name("tcp/listen/10.0.0.0~8!26", NAME_TCP_LISTEN, "10.0.0.0~8!26", false);
    check_name("udp/bind/::~0!53", NAME_UDP_BIND, "::~0!53", true);
    check_name("icmp/echo", NAME_ICMP_ECHO, "*", false);
    check_name("icmp/echo/10.0.0.0~8", NAME_ICMP_ECHO, "10.0.0.0~8", false);
    check_name("icmp/echo/10.0.0.0~8/10.0.2.2", NAME_ICMP_ECHO, "10.0.2.2", true);
}

static void check_host(const char *path, const char *host)
{
    struct name name;
    assert_int_equal(resolve(path, &name), 0);
    assert_int_equal(name.kind, NAME_DNS_HOST);
    assert_int_equal(name.host_length, strlen(host));
    assert_memory_equal(name.host, host, strlen(host));
}

static void test_hosts(void **state)
{
    (void)state;
    struct name name;
    char path[400] = "dns/*.";
    check_host("dns/example.org", "example.org");
    check_host("dns/*.org/example.org", "example.org");
    check_host("dns/*.org/*.example.org/www.example.org", "www.example.org");
    check_name("dns/*.org", NAME_DNS_SUFFIX, "*", false);
    assert_int_equal(resolve("dns/*.org/*.org", &name), 0);
    assert_int_equal(resolve("dns/*.org/org", &name), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(resolve("dns/*.org/example.com", &name), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(resolve("dns/*.org/exampleorg", &name), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(resolve("dns/*.example.org/*.org", &name), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(resolve("dns/*", &name), CLOUDABI_ENOENT);
    assert_int_equal(resolve("dns/*.", &name), CLOUDABI_ENOENT);
    assert_int_equal(resolve("dns/*.*.org", &name), CLOUDABI_ENOENT);
    assert_int_equal(resolve("dns/a..b", &name), CLOUDABI_ENOENT);
    assert_int_equal(resolve("dns/a.org/b", &name), CLOUDABI_ENOTDIR);
    memset(path + 6, 'a', 62);
    assert_int_equal(resolve(path, &name), 0);
    path[66] = '.';
    path[68] = 'a';
    assert_int_equal(resolve(path, &name), CLOUDABI_ENAMETOOLONG);
}

static void test_names_refused(void **state)
{
    (void)state;
    struct name name;
    assert_int_equal(resolve("tcp/accept", &name), CLOUDABI_ENOENT);
    assert_int_equal(resolve("tc", &name), CLOUDABI_ENOENT);
    assert_int_equal(resolve("tcp/connect/10.0.2.2!0", &name), CLOUDABI_ENOENT);
    assert_int_equal(resolve("tcp/connect/10.0.2.2/0", &name), CLOUDABI_ENOENT);
    assert_int_equal(resolve("tcp/connect/10.0.2.2/080", &name), CLOUDABI_ENOENT);
    assert_int_equal(resolve("tcp/connect/80", &name), CLOUDABI_ENOENT);
    assert_int_equal(resolve("tcp/connect/10.0.2.2/10.0.2.3", &name), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(resolve("tcp/connect/10.0.2.2!80/81", &name), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(resolve("tcp/connect/10.0.2.2!80/*!81", &name), CLOUDABI_ENOTCAPABLE);
    assert_int_equal(resolve("tcp/connect/10.0.2.2!80/data", &name), CLOUDABI_ENOENT);
    assert_int_equal(resolve("if/eth0/addr/x", &name), CLOUDABI_ENOTDIR);
    assert_int_equal(resolve("icmp/echo/10.0.2.2!7", &name), CLOUDABI_ENOENT);
    assert_int_equal(resolve("icmp/echo/10.0.2.2/7", &name), CLOUDABI_ENOENT);
    assert_int_equal(resolve("icmp/echo/*!0", &name), CLOUDABI_ENOENT);
    uint8_t cookie[NAME_COOKIE_MAX] = {0};
    assert_false(name_decode(cookie, sizeof(cookie), &name));
    assert_false(name_decode(cookie, 0, &name));
    assert_false(name_decode(cookie, 4, &name));
    memset(cookie, 0xff, sizeof(cookie));
    assert_false(name_decode(cookie, sizeof(cookie), &name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_intersect),     cmocka_unit_test(test_subset),
        cmocka_unit_test(test_kinds),         cmocka_unit_test(test_names),
        cmocka_unit_test(test_names_refused), cmocka_unit_test(test_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
