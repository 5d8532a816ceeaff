/* SPDX-License-Identifier: BSD-2-Clause */
#include "apps/shell/parse.h"

#include <string.h>

struct cursor {
    const char *at, *end;
    struct script *script;
    struct command *command; /* under way; NULL between commands */
};

enum token {
    TOKEN_END,
    TOKEN_WORD,
    TOKEN_LESS,
    TOKEN_MORE,
    TOKEN_APPEND,
    TOKEN_PIPE,
    TOKEN_NEXT,
    TOKEN_BACK
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_special(char c)
{
    return c == '|' || c == ';' || c == '<' || c == '>' || c == '&';
}

static const char *put(struct script *script, char c)
{
    if (script->text_len == sizeof(script->text))
        return "the line is too long";
    script->text[script->text_len++] = c;
    return NULL;
}

/* What stands between quotes; the first is behind the cursor. */
static const char *read_quoted(struct cursor *cursor, char quote)
{
    const char *error = NULL;
    while (error == NULL && cursor->at < cursor->end && *cursor->at != quote) {
        if (quote == '"' && *cursor->at == '\\' && cursor->at + 1 < cursor->end)
            cursor->at++;
        error = put(cursor->script, *cursor->at++);
    }
    if (error == NULL && cursor->at == cursor->end)
        return "a quote is not closed";
    cursor->at++;
    return error;
}

static const char *read_word(struct cursor *cursor, char **word)
{
    struct script *script = cursor->script;
    const char *error = NULL;
    *word = script->text + script->text_len;
    while (error == NULL && cursor->at < cursor->end && !is_blank(*cursor->at) &&
           !is_special(*cursor->at)) {
        char c = *cursor->at++;
        if (c == '\0')
            return "a zero byte";
        if (c == '\'' || c == '"')
            error = read_quoted(cursor, c);
        else if (c == '\\' && cursor->at == cursor->end)
            return "nothing follows the backslash";
        else
            error = put(script, c == '\\' ? *cursor->at++ : c);
    }
    return error != NULL ? error : put(script, '\0');
}

static enum token next_token(struct cursor *cursor)
{
    while (cursor->at < cursor->end && is_blank(*cursor->at))
        cursor->at++;
    if (cursor->at == cursor->end || *cursor->at == '#')
        return TOKEN_END;
    switch (*cursor->at) {
    case '|':
        cursor->at++;
        return TOKEN_PIPE;
    case ';':
        cursor->at++;
        return TOKEN_NEXT;
    case '&':
        cursor->at++;
        return TOKEN_BACK;
    case '<':
        cursor->at++;
        return TOKEN_LESS;
    case '>':
        break;
    default:
        return TOKEN_WORD;
    }
    cursor->at++;
    if (cursor->at == cursor->end || *cursor->at != '>')
        return TOKEN_MORE;
    cursor->at++;
    return TOKEN_APPEND;
}

static const char *begin_command(struct cursor *cursor)
{
    struct script *script = cursor->script;
    if (cursor->command != NULL)
        return NULL;
    if (script->count == SCRIPT_COMMANDS)
        return "too many commands";
    cursor->command = &script->commands[script->count++];
    *cursor->command = (struct command){.words = script->words + script->words_count};
    return NULL;
}

static const char *add_word(struct cursor *cursor)
{
    struct script *script = cursor->script;
    char *word;
    const char *error = begin_command(cursor);
    if (error == NULL && script->words_count >= SCRIPT_WORDS)
        error = "too many words";
    if (error == NULL)
        error = read_word(cursor, &word);
    if (error != NULL)
        return error;
    script->words[script->words_count++] = word;
    cursor->command->count++;
    return NULL;
}

static const char *add_redirection(struct cursor *cursor, enum token kind)
{
    char *word;
    const char *error = begin_command(cursor);
    if (error == NULL && next_token(cursor) != TOKEN_WORD)
        error = "a name must follow < or >";
    if (error == NULL)
        error = read_word(cursor, &word);
    if (error != NULL)
        return error;
    struct command *command = cursor->command;
    const char **place = kind == TOKEN_LESS ? &command->input : &command->output;
    if (*place != NULL)
        return "redirected twice";
    *place = word;
    command->append = command->append || kind == TOKEN_APPEND;
    return NULL;
}

/* The command under way ends with TOKEN. */
static const char *end_command(struct cursor *cursor, enum token token)
{
    struct script *script = cursor->script;
    struct command *command = cursor->command;
    struct command *before = script->count > (command != NULL)
                                 ? &script->commands[script->count - 1 - (command != NULL)]
                                 : NULL;
    if (command == NULL || command->count == 0) {
        bool needed = command != NULL || token == TOKEN_PIPE || token == TOKEN_BACK ||
                      (before != NULL && before->piped);
        return needed ? "a command is missing" : NULL;
    }
    script->words[script->words_count++] = NULL;
    command->piped = token == TOKEN_PIPE;
    command->background = token == TOKEN_BACK;
    if (command->piped && command->output != NULL)
        return "both > and | after a command";
    if (before != NULL && before->piped && command->input != NULL)
        return "both | and < before a command";
    cursor->command = NULL;
    return NULL;
}

const char *parse_line(const char *line, size_t len, struct script *script)
{
    struct cursor cursor = {line, line + len, script, NULL};
    script->count = script->words_count = script->text_len = 0;
    if (len > SCRIPT_TEXT)
        return "the line is too long";
    for (;;) {
        const char *error;
        enum token token = next_token(&cursor);
        if (token == TOKEN_WORD)
            error = add_word(&cursor);
        else if (token == TOKEN_LESS || token == TOKEN_MORE || token == TOKEN_APPEND)
            error = add_redirection(&cursor, token);
        else
            error = end_command(&cursor, token);
        if (error != NULL || token == TOKEN_END)
            return error;
    }
}
