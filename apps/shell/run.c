/* SPDX-License-Identifier: BSD-2-Clause */
/* Doing what a line says: builtins in the shell itself, programs as processes, connected by
 * streams. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "abi/cloudabi_syscalls.h"
#include "apps/shell/shell.h"

/* --- redirection -------------------------------------------------------------------------- */

static int open_input(const char *name)
{
    struct place place;
    if (!name_resolve(name, &place))
        return -1;
    return place_open(&place, 0, CLOUDABI_RIGHT_FD_READ,
                      CLOUDABI_RIGHT_FD_SEEK | CLOUDABI_RIGHT_FD_TELL |
                          CLOUDABI_RIGHT_FILE_STAT_FGET | CLOUDABI_RIGHT_POLL_FD_READWRITE);
}

/* Cuts a file that was there, or goes to its end. What has no size (a device) stays as it is. */
static bool prepare_output(const char *name, int fd, bool append)
{
    cloudabi_filestat_t stat;
    cloudabi_filesize_t position;
    if (cloudabi_sys_file_stat_fget((cloudabi_fd_t)fd, &stat) != 0 || stat.st_size == 0)
        return true;
    cloudabi_errno_t error;
    if (append) {
        error = cloudabi_sys_fd_seek((cloudabi_fd_t)fd, 0, CLOUDABI_WHENCE_END, &position);
    } else {
        stat.st_size = 0;
        error = cloudabi_sys_file_stat_fput((cloudabi_fd_t)fd, &stat, CLOUDABI_FILESTAT_SIZE);
    }
    if (error != 0 && stat.st_filetype == CLOUDABI_FILETYPE_REGULAR_FILE) {
        complain("%s: %s", name, strerror(error));
        return false;
    }
    return true;
}

/* An existing file needs no right to create, so it is opened without that first. */
static int open_output(const char *name, bool append)
{
    struct place place;
    int fd = -1;
    const cloudabi_rights_t extras = CLOUDABI_RIGHT_FD_SEEK | CLOUDABI_RIGHT_FD_TELL |
                                     CLOUDABI_RIGHT_FILE_STAT_FGET |
                                     CLOUDABI_RIGHT_FILE_STAT_FPUT_SIZE;
    if (!name_resolve(name, &place))
        return -1;
    cloudabi_errno_t error = place_try_open(&place, 0, CLOUDABI_RIGHT_FD_WRITE, extras, &fd);
    if (error == CLOUDABI_ENOENT) {
        fd = place_open(&place, CLOUDABI_O_CREAT, CLOUDABI_RIGHT_FD_WRITE, extras);
    } else if (error != 0) {
        struct needs needs = {CLOUDABI_RIGHT_FILE_OPEN, CLOUDABI_RIGHT_FD_WRITE};
        if (strcmp(place.path, ".") == 0)
            needs.base = CLOUDABI_RIGHT_FD_WRITE;
        place_complain(&place, needs, error);
    }
    if (fd >= 0 && !prepare_output(name, fd, append)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* --- one command -------------------------------------------------------------------------- */

/* A pipeline under construction. Descriptors are -1 when there is none. */
struct builder {
    struct pipeline pipeline;
    int input;  /* for the next command: the reading end of the last pipe */
    int source; /* the writing end of a builtin at the start, which runs last */
    const struct command *source_command;
};

static void run_builtin(const struct command *command, int output)
{
    const struct builtin *builtin = builtin_find(command->words[0]);
    out_redirect(output);
    (void)builtin->function((int)command->count, command->words);
    cloudabi_errno_t error = out_flush();
    if (error != 0 && output >= 0 && !command->piped)
        complain("%s: %s", command->output, strerror(error));
    out_redirect(-1);
}

/* `cat` without names reads what is piped into it: then it is the program of that name. */
static bool is_builtin(const struct command *command, bool fed)
{
    if (strcmp(command->words[0], "run") == 0)
        return command->count == 1;
    return builtin_find(command->words[0]) != NULL && !(fed && program_exists(command->words[0]));
}

static void close_if(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* Connects COMMAND to the next one: *WRITE for it, builder->input for the next. */
static bool make_pipe(struct builder *builder, int *write)
{
    cloudabi_fd_t a = 0, b = 0;
    cloudabi_errno_t error = cloudabi_sys_fd_create2(CLOUDABI_FILETYPE_SOCKET_STREAM, &a, &b);
    if (error != 0) {
        complain("pipe: %s", strerror(error));
        return false;
    }
    builder->input = (int)a;
    *write = (int)b;
    return true;
}

/* NAME=terminal, with any rights. */
static bool is_terminal_grant(const char *word)
{
    const char *equals = strchr(word, '=');
    size_t len = strlen("=terminal");
    return equals != NULL && strncmp(equals, "=terminal", len) == 0 &&
           (equals[len] == ':' || equals[len] == '\0');
}

static bool start_program(struct builder *builder, const struct command *command,
                          struct streams streams)
{
    struct pipeline *pipeline = &builder->pipeline;
    if (pipeline->count == PIPELINE_MAX) {
        complain("too many programs in a pipe");
        return false;
    }
    for (size_t i = 1; i < command->count; i++)
        pipeline->lends_terminal = pipeline->lends_terminal || is_terminal_grant(command->words[i]);
    if (!program_exists(command->words[0]) && strcmp(command->words[0], "run") != 0) {
        complain("unknown command: %s (help)", command->words[0]);
        return false;
    }
    if (pipeline->count == 0)
        snprintf(pipeline->title, sizeof(pipeline->title), "%s",
                 command->words[command->count > 1 && strcmp(command->words[0], "run") == 0]);
    int process = program_start(command, streams);
    if (process < 0)
        return false;
    pipeline->processes[pipeline->count++] = process;
    return true;
}

/* Starts one command of a pipeline, or keeps it for last if it is a builtin that feeds a pipe. */
static bool build_command(struct builder *builder, const struct command *command)
{
    struct streams streams = {.input = builder->input, .output = -1};
    bool fed = builder->input >= 0 || command->input != NULL;
    bool fine = true;
    builder->input = -1;
    if (command->input != NULL)
        fine = (streams.input = open_input(command->input)) >= 0;
    if (fine && command->output != NULL)
        fine = (streams.output = open_output(command->output, command->append)) >= 0;
    if (fine && command->piped)
        fine = make_pipe(builder, &streams.output);
    if (fine && !is_builtin(command, fed)) {
        fine = start_program(builder, command, streams);
    } else if (fine && fed && builder->pipeline.count + (builder->source_command != NULL) != 0) {
        complain("%s: only programs can read from a pipe", command->words[0]);
        fine = false;
    } else if (fine && command->piped) {
        builder->source = streams.output;
        builder->source_command = command;
        streams.output = -1;
    } else if (fine) {
        run_builtin(command, streams.output);
    }
    close_if(streams.input);
    close_if(streams.output);
    return fine;
}

/* Runs the commands from FIRST to the end of their pipeline; returns the number of them. */
static size_t run_pipeline(const struct command *first, size_t left)
{
    struct builder builder = {.input = -1, .source = -1};
    size_t count = 0;
    bool fine = true, more = true, background = false;
    while (more && count < left) {
        const struct command *command = &first[count++];
        more = command->piped;
        background = command->background;
        fine = fine && build_command(&builder, command);
    }
    close_if(builder.input);
    if (fine && builder.source_command != NULL)
        run_builtin(builder.source_command, builder.source);
    close_if(builder.source);
    if (!fine)
        pipeline_kill(&builder.pipeline);
    else if (background && builder.pipeline.count != 0)
        job_add(&builder.pipeline);
    else if (builder.pipeline.count != 0)
        (void)pipeline_wait(&builder.pipeline);
    return count;
}

void run_line(const char *line, size_t len)
{
    static struct script script;
    const char *error = parse_line(line, len, &script);
    if (error != NULL) {
        complain("%s", error);
        return;
    }
    for (size_t i = 0; i < script.count && !exit_wanted && !input_closed();)
        i += run_pipeline(&script.commands[i], script.count - i);
}
