/* SPDX-License-Identifier: BSD-2-Clause */
/* The line discipline: what is delivered, and what the screen of a simple terminal then shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "services/common/line.h"

static struct line line;
static char delivered[8192], screen[8192];
static size_t delivered_len, column, screen_len;

/* A terminal of one row: printing, backspace, CR; LF begins anew. One cell holds a whole
 * character. */
static uint32_t cells[4096];

static void terminal(void *context, const char *bytes, size_t len)
{
    (void)context;
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)bytes[i];
        if (byte == '\b') {
            assert_true(column > 0);
            column--;
        } else if (byte == '\r') {
            column = 0;
        } else if (byte == '\n') {
            screen_len = 0;
        } else if ((byte & 0xc0) == 0x80) {
            cells[column - 1] = cells[column - 1] << 8 | byte;
        } else if (byte != '\a') {
            cells[column++] = byte;
            if (column > screen_len)
                screen_len = column;
        }
    }
}

static const char *screen_text(void)
{
    size_t len = 0, end = screen_len;
    while (end > 0 && cells[end - 1] == ' ')
        end--;
    for (size_t i = 0; i < end; i++) {
        for (int shift = 24; shift >= 0; shift -= 8) {
            if ((cells[i] >> shift & 0xff) != 0)
                screen[len++] = (char)(cells[i] >> shift);
        }
    }
    screen[len] = '\0';
    return screen;
}

static void deliver(void *context, const char *bytes, size_t len)
{
    (void)context;
    assert_true(delivered_len + len < sizeof(delivered));
    memcpy(delivered + delivered_len, bytes, len);
    delivered_len += len;
    delivered[delivered_len] = '\0';
}

static const struct line_ops ops = {terminal, deliver};

static int start(void **state)
{
    (void)state;
    delivered_len = column = screen_len = 0;
    delivered[0] = '\0';
    line_init(&line, &ops, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    line_free(&line);
    return 0;
}

static void type(const char *keys)
{
    line_input(&line, keys, strlen(keys));
}

static void expect(const char *keys, const char *shown)
{
    type(keys);
    assert_string_equal(screen_text(), shown);
}

#define LEFT  "\033[D"
#define RIGHT "\033[C"
#define UP    "\033[A"
#define DOWN  "\033[B"

static void test_lines(void **state)
{
    (void)state;
    type("one\rtwo\r\nthree\nfour");
    assert_string_equal(delivered, "one\ntwo\nthree\n");
    assert_string_equal(screen_text(), "four");
    type("\n\n");
    assert_string_equal(delivered, "one\ntwo\nthree\nfour\n\n");
}

static void test_backspace(void **state)
{
    (void)state;
    expect("wrung\x7f\x7f\x7f\x7fong", "wong");
    expect("\x7f\x7f\x7fight", "wight");
    expect("\b\b\b\b\b\b\b\b", "");
    type("ok\n");
    assert_string_equal(delivered, "ok\n");
}

static void test_cursor(void **state)
{
    (void)state;
    expect("acd" LEFT LEFT "b", "abcd");
    expect("\001X", "Xabcd");
    expect("\005Y", "XabcdY");
    expect("\033[H\033[3~", "abcdY");
    expect(RIGHT RIGHT "\013", "ab");
    expect(LEFT LEFT LEFT LEFT "z" RIGHT RIGHT RIGHT RIGHT "!", "zab!");
    expect(LEFT "\x7f", "za!");
    expect("\033[1;5D\033[99~\033OC?", "za?!");
    type("\n");
    assert_string_equal(delivered, "za?!\n");
}

static void test_kill(void **state)
{
    (void)state;
    expect("one two  three\027", "one two");
    expect("\027", "one");
    expect(" tail" LEFT LEFT "\025", "il");
    expect("\025", "il");
    expect("\005\025", "");
}

static void test_utf8(void **state)
{
    (void)state;
    expect("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x8c\x8d", "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x8c\x8d");
    expect("\x7f", "a\xc3\xa4\xe2\x82\xac");
    expect(LEFT "b", "a\xc3\xa4"
                     "b\xe2\x82\xac");
    expect("\x7f\x7f", "a\xe2\x82\xac");
    expect("\xff\xc3(\xe0\x80\x80\xed\xa0\x80\xf5", "a(\xe2\x82\xac");
    type("\n");
    assert_string_equal(delivered, "a(\xe2\x82\xac\n");
}

static void test_history(void **state)
{
    (void)state;
    type("first\nsecond\nsecond\n");
    expect("new", "new");
    expect(UP, "second");
    expect(UP, "first");
    expect(UP, "first");
    expect(DOWN, "second");
    expect(DOWN, "new");
    expect(DOWN, "new");
    expect(UP UP "!", "first!");
    type("\n");
    assert_string_equal(delivered, "first\nsecond\nsecond\nfirst!\n");
    for (unsigned i = 0; i < 3 * LINE_HISTORY; i++) {
        char text[] = "line 0\n";
        text[5] = (char)('0' + i % 10);
        type(text);
    }
    for (unsigned i = 0; i < 3 * LINE_HISTORY; i++)
        type(UP);
    assert_int_equal(screen_len, 6);
}

static void test_control(void **state)
{
    (void)state;
    type("half\003");
    assert_string_equal(delivered, "\003");
    type("\004");
    assert_string_equal(delivered, "\003\004");
    expect("abc" LEFT LEFT "\004", "ac");
    expect("\014", "ac");
    expect("\t.\001\007\016", "a .c");
    type("\n");
    assert_string_equal(delivered, "\003\004a .c\n");
}

static void test_too_long(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++)
        type("x");
    type("\n");
    assert_int_equal(delivered_len, LINE_SIZE);
    assert_int_equal(delivered[LINE_SIZE - 1], '\n');
}

static void test_output(void **state)
{
    (void)state;
    line_output(&line, "a\nb\n\nc", 6);
    assert_string_equal(screen_text(), "c");
}

static void test_rubbish(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (int i = 0; i < 200000; i++) {
        seed = seed * 1103515245u + 12345u;
        char byte = (char)(seed >> 16);
        line_input(&line, &byte, 1);
        if (delivered_len > 4000)
            delivered_len = 0;
        if (column > 3000)
            type("\n");
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(test_lines),  TEST(test_backspace), TEST(test_cursor),  TEST(test_kill),
        TEST(test_utf8),   TEST(test_history),   TEST(test_control), TEST(test_too_long),
        TEST(test_output), TEST(test_rubbish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
