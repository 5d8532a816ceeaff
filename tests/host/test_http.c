/* SPDX-License-Identifier: BSD-2-Clause */
/* httpd's reading of requests and fetch's of URLs and answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "apps/fetch/url.h"
#include "apps/httpd/httpd.h"

static struct http_request request;
static char *kept; /* the head that `request` points into */

/* Parses a head that is copied to memory of just its size. */
static unsigned parse_bytes(const char *head, size_t length)
{
    free(kept);
    kept = malloc(length != 0 ? length : 1);
    memcpy(kept, head, length);
    return http_parse(kept, length, &request);
}

static unsigned parse(const char *head)
{
    return parse_bytes(head, strlen(head));
}

/* A GET of the target, with further lines. */
static unsigned get(const char *target, const char *lines)
{
    char head[8192];
    strcpy(head, "GET ");
    strcat(head, target);
    strcat(head, " HTTP/1.1\r\nHost: x\r\n");
    strcat(head, lines);
    strcat(head, "\r\n");
    return parse(head);
}

static int teardown(void **state)
{
    (void)state;
    free(kept);
    kept = NULL;
    return 0;
}

static void test_heads(void **state)
{
    (void)state;
    assert_int_equal(http_head_length("GET / HTTP/1.1\r\n\r\nmore", 22), 18);
    assert_int_equal(http_head_length("GET / HTTP/1.1\n\n", 16), 16);
    assert_int_equal(http_head_length("GET / HTTP/1.1\r\n", 16), 0);
    assert_int_equal(http_head_length("GET / HTTP/1.1\r\n\r", 17), 0);
    assert_int_equal(http_head_length("", 0), 0);
}

static void test_methods_and_versions(void **state)
{
    (void)state;
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    assert_true(request.keep_alive && !request.head_only && request.directory);
    assert_int_equal(parse("HEAD / HTTP/1.0\r\n\r\n"), 0);
    assert_true(!request.keep_alive && request.head_only);
    assert_int_equal(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), 0);
    assert_true(request.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n"), 0);
    assert_false(request.keep_alive);
    assert_int_equal(parse("POST / HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
    assert_int_equal(parse("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
    assert_int_equal(parse("get / HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
    assert_int_equal(parse("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
    static const char *const bad[] = {
        "GET /\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",                       /* no Host */
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", /* two */
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        "GET x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\x01\r\n\r\n",
        "\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(parse(bad[i]), 400);
    assert_int_equal(parse_bytes("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", 31), 400);
}

static void check_path(const char *target, const char *path, bool directory)
{
    if (get(target, "") != 0)
        fail_msg("refused: %s", target);
    assert_string_equal(request.path, path);
    assert_int_equal(request.directory, directory);
}

static void test_paths(void **state)
{
    (void)state;
    char longest[2100] = "/";
    check_path("/", "", true);
    check_path("///", "", true);
    check_path("/a", "a", false);
    check_path("/a/", "a", true);
    check_path("//a//b//", "a/b", true);
    check_path("/./a/./b/.", "a/b", true);
    check_path("/a%20b?c=/../d", "a b", false);
    check_path("/%61%2e%2E%2etxt", "a...txt", false);
    check_path("/...", "...", false);
    check_path("/%c3%a4", "\xc3\xa4", false);
    check_path("http://host:80/a", "a", false);
    static const char *const bad[] = {
        "/..",     "/../etc", "/a/..",     "/a/../b",     "/%2e%2e/x",
        "/%2E./x", "/.%2e",   "/a/%2e%2e", "/a%2fb",      "/%2F..",
        "/%00",    "/a%0ab",  "/%",        "/%4",         "/%zz",
        "/%-1",    "a",       "*",         "http://host", "https://host/a",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(get(bad[i], ""), 400);
    memset(longest + 1, 'a', HTTP_PATH_MAX);
    check_path(longest, longest + 1, false);
    longest[HTTP_PATH_MAX + 1] = 'a';
    assert_int_equal(get(longest, ""), 414);
}

static void test_bodies(void **state)
{
    (void)state;
    assert_int_equal(get("/", "Content-Length: 0\r\n"), 0);
    assert_true(request.keep_alive);
    assert_int_equal(get("/", "Content-Length: 5\r\n"), 0);
    assert_true(request.has_body && !request.keep_alive);
    assert_int_equal(get("/", "Transfer-Encoding: chunked\r\n"), 0);
    assert_true(request.has_body && !request.keep_alive);
    assert_int_equal(get("/", "content-length: x\r\nCONTENT-LENGTH: 0\r\n"), 0);
    assert_true(request.has_body);
}

static void check_range(const char *line, uint64_t size, uint64_t first, uint64_t count)
{
    uint64_t found_first, found_count;
    assert_int_equal(get("/", line), 0);
    assert_int_not_equal(request.range.kind, HTTP_RANGE_NONE);
    bool any = http_range_resolve(&request.range, size, &found_first, &found_count);
    assert_int_equal(any, count != 0);
    if (any) {
        assert_int_equal(found_first, first);
        assert_int_equal(found_count, count);
    }
}

static void test_ranges(void **state)
{
    (void)state;
    check_range("Range: bytes=0-0\r\n", 10, 0, 1);
    check_range("Range: bytes=2-5\r\n", 10, 2, 4);
    check_range("Range: bytes=2-500\r\n", 10, 2, 8);
    check_range("Range: bytes=9-\r\n", 10, 9, 1);
    check_range("Range: bytes=10-\r\n", 10, 0, 0);
    check_range("Range: bytes=-3\r\n", 10, 7, 3);
    check_range("Range: bytes=-300\r\n", 10, 0, 10);
    check_range("Range: bytes=-0\r\n", 10, 0, 0);
    check_range("Range: bytes=0-\r\n", 0, 0, 0);
    check_range("Range: bytes=-1\r\n", 0, 0, 0);
    check_range("range: BYTES=999999999999999999-\r\n", 10, 0, 0);
    static const char *const none[] = {
        "Range: bytes=5-2\r\n",
        "Range: bytes=-\r\n",
        "Range: bytes=1-2,4-5\r\n",
        "Range: lines=1-2\r\n",
        "Range: bytes=1 - 2\r\n",
        "Range: \r\n",
        "Range: bytes=9999999999999999999-\r\n",
    };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(get("/", none[i]), 0);
        assert_int_equal(request.range.kind, HTTP_RANGE_NONE);
    }
}

static void test_tags(void **state)
{
    (void)state;
    assert_int_equal(get("/", "If-None-Match: \"a\", W/\"b\"\r\n"), 0);
    assert_true(http_tag_matches(request.if_none_match, "\"a\""));
    assert_true(http_tag_matches(request.if_none_match, "\"b\""));
    assert_false(http_tag_matches(request.if_none_match, "\"c\""));
    assert_int_equal(get("/", "If-None-Match: *\r\n"), 0);
    assert_true(http_tag_matches(request.if_none_match, "\"c\""));
    assert_int_equal(get("/", ""), 0);
    assert_false(http_tag_matches(request.if_none_match, "\"c\""));
}

static void test_types(void **state)
{
    (void)state;
    assert_string_equal(content_type("a/index.HTML"), "text/html; charset=utf-8");
    assert_string_equal(content_type("x.tar.gz"), "application/gzip");
    assert_string_equal(content_type("a.html/b"), "application/octet-stream");
    assert_string_equal(content_type("noending"), "application/octet-stream");
    assert_string_equal(content_type(""), "application/octet-stream");
}

/* --- fetch -------------------------------------------------------------------------------------- */

static void test_urls(void **state)
{
    (void)state;
    struct url url, next;
    assert_true(url_parse("http://example.org", &url));
    assert_string_equal(url.host, "example.org");
    assert_string_equal(url.port, "80");
    assert_string_equal(url.target, "/");
    assert_true(url_parse("HTTP://a:8080/x?y=z#w", &url));
    assert_string_equal(url.port, "8080");
    assert_string_equal(url.target, "/x?y=z");
    assert_true(url_parse("http://[::1]:81?q", &url));
    assert_string_equal(url.host, "::1");
    assert_string_equal(url.target, "/?q");
    static const char *const bad[] = {
        "https://a/",      "http://",      "http://:80/",   "http://a:/",   "http://a:0/",
        "http://a:65536/", "http://a:8x/", "http://u@a/",   "http://[::1/", "http://[::1]x/",
        "http://a b/",     "http://a/b c", "http://a/\r\n", "ftp://a/",     ""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(url_parse(bad[i], &url));
    assert_true(url_parse("http://a:81/x/y", &url));
    assert_true(url_follow(&url, "/z", &next));
    assert_string_equal(next.host, "a");
    assert_string_equal(next.target, "/z");
    assert_true(url_follow(&url, "http://b/", &next));
    assert_string_equal(next.host, "b");
    assert_false(url_follow(&url, "//b/", &next));
    assert_false(url_follow(&url, "z", &next));
    assert_false(url_follow(&url, "https://b/", &next));
}

static bool reply(const char *head, struct reply_head *found)
{
    size_t length = strlen(head);
    char *exact = malloc(length + 1);
    memcpy(exact, head, length);
    bool good = reply_parse(exact, length, found);
    free(exact);
    return good;
}

static void test_replies(void **state)
{
    (void)state;
    struct reply_head found;
    uint64_t size;
    assert_true(reply("HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX: y\r\n\r\n", &found));
    assert_true(found.status == 200 && found.has_length && found.length == 12);
    assert_true(reply("HTTP/1.0 302\nLocation: /x\nTransfer-Encoding: Chunked\n\n", &found));
    assert_true(found.chunked && strcmp(found.location, "/x") == 0);
    static const char *const bad[] = {
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nLocation: /a\tb c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
        "\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(reply(bad[i], &found));
    assert_true(chunk_parse("1aF\r", 4, &size) && size == 0x1af);
    assert_true(chunk_parse("0;x=y", 5, &size) && size == 0);
    assert_false(chunk_parse("", 0, &size));
    assert_false(chunk_parse("g", 1, &size));
    assert_false(chunk_parse("-1", 2, &size));
    assert_false(chunk_parse("ffffffffffffffff", 16, &size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),   cmocka_unit_test(test_methods_and_versions),
        cmocka_unit_test(test_paths),   cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_ranges),  cmocka_unit_test(test_tags),
        cmocka_unit_test(test_types),   cmocka_unit_test(test_urls),
        cmocka_unit_test(test_replies),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
