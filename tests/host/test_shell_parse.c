/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines of the shell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "apps/shell/parse.h"

static struct script script;
static char shown[16384];

/* The script as text: words in brackets. */
static const char *show(const char *line)
{
    const char *error = parse_line(line, strlen(line), &script);
    size_t at = 0;
    if (error != NULL)
        return error;
    shown[0] = '\0';
    for (size_t i = 0; i < script.count; i++) {
        const struct command *command = &script.commands[i];
        for (size_t j = 0; j < command->count; j++)
            at += (size_t)sprintf(shown + at, "[%s]", command->words[j]);
        assert_null(command->words[command->count]);
        if (command->input != NULL)
            at += (size_t)sprintf(shown + at, "<%s", command->input);
        if (command->output != NULL)
            at +=
                (size_t)sprintf(shown + at, "%s%s", command->append ? ">>" : ">", command->output);
        at += (size_t)sprintf(shown + at, "%s",
                              command->piped        ? "|"
                              : command->background ? "&"
                                                    : ";");
    }
    return shown;
}

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(show(""), "");
    assert_string_equal(show("  \t "), "");
    assert_string_equal(show("ls"), "[ls];");
    assert_string_equal(show("  ls  -l home/x\r"), "[ls][-l][home/x];");
    assert_string_equal(show("echo a;echo b; "), "[echo][a];[echo][b];");
    assert_string_equal(show("echo a # b ; c"), "[echo][a];");
    assert_string_equal(show("echo a#b"), "[echo][a#b];");
    assert_string_equal(show(";;"), "");
}

static void test_quotes(void **state)
{
    (void)state;
    assert_string_equal(show("echo 'a  b' \"c|d\" e\\ f"), "[echo][a  b][c|d][e f];");
    assert_string_equal(show("echo ''"), "[echo][];");
    assert_string_equal(show("a'b'\"c\"d"), "[abcd];");
    assert_string_equal(show("\"\\\"\" '\\'"), "[\"][\\];");
    assert_string_equal(show("echo 'a"), "a quote is not closed");
    assert_string_equal(show("echo \"a"), "a quote is not closed");
    assert_string_equal(show("echo \\"), "nothing follows the backslash");
}

static void test_pipes_and_files(void **state)
{
    (void)state;
    assert_string_equal(show("a|b |c"), "[a]|[b]|[c];");
    assert_string_equal(show("a x>y"), "[a][x]>y;");
    assert_string_equal(show("a > y z"), "[a][z]>y;");
    assert_string_equal(show("< in a >>out"), "[a]<in>>out;");
    assert_string_equal(show("a | b &"), "[a]|[b]&");
    assert_string_equal(show("a & b"), "[a]&[b];");
    assert_string_equal(show("|"), "a command is missing");
    assert_string_equal(show("a |"), "a command is missing");
    assert_string_equal(show("a | ; b"), "a command is missing");
    assert_string_equal(show("&"), "a command is missing");
    assert_string_equal(show("> x"), "a command is missing");
    assert_string_equal(show("a >"), "a name must follow < or >");
    assert_string_equal(show("|||>><<"), "a command is missing");
    assert_string_equal(show("a > b > c"), "redirected twice");
    assert_string_equal(show("a > b | c"), "both > and | after a command");
    assert_string_equal(show("a | b < c"), "both | and < before a command");
}

static void test_limits(void **state)
{
    (void)state;
    char line[SCRIPT_TEXT + 2];
    memset(line, 'x', sizeof(line));
    line[SCRIPT_TEXT] = '\0';
    assert_int_equal(strlen(show(line)), SCRIPT_TEXT + 3);
    assert_non_null(parse_line(line, SCRIPT_TEXT + 1, &script));
    for (size_t i = 0; i < SCRIPT_TEXT; i++)
        line[i] = i % 2 == 0 ? 'x' : ' ';
    assert_string_equal(show(line), "too many words");
    for (size_t i = 0; i < SCRIPT_TEXT; i++)
        line[i] = i % 2 == 0 ? 'x' : ';';
    assert_string_equal(show(line), "too many commands");
    assert_string_equal(parse_line("a\0b", 3, &script), "a zero byte");
}

static void test_rubbish(void **state)
{
    (void)state;
    static const char set[] = "ab '\"\\|;<>&# \t\0x";
    unsigned seed = 3;
    for (int i = 0; i < 100000; i++) {
        char line[40];
        for (size_t j = 0; j < sizeof(line); j++) {
            seed = seed * 1103515245u + 12345u;
            line[j] = set[(seed >> 16) % sizeof(set)];
        }
        (void)!parse_line(line, (seed >> 8) % sizeof(line), &script);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),           cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_pipes_and_files), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_rubbish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
