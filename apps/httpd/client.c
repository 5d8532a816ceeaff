/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "apps/httpd/httpd.h"

/* Milliseconds in which a head must come, or an answer make some headway. */
#define PATIENCE 15000
/* For the client to close after the last answer. */
#define DRAIN_PATIENCE 2000
#define PIECE          (64 * 1024)
/* Steps of one client before others get their turn. */
#define BUDGET 16

enum step { STEP_ON, STEP_WAIT, STEP_OVER };

uint64_t now_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct client *client_create(int fd)
{
    struct client *client = malloc(sizeof(*client));
    if (client == NULL || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        free(client);
        close(fd);
        return NULL;
    }
    client->fd = fd;
    client->state = CLIENT_READING;
    client->got = 0;
    client->deadline = now_milliseconds() + PATIENCE;
    client->answer = (struct answer){.file = -1};
    return client;
}

void client_destroy(struct client *client)
{
    answer_free(&client->answer);
    close(client->fd);
    free(client);
}

static enum step no_more(ssize_t result)
{
    return result < 0 && (errno == EAGAIN || errno == EINTR) ? STEP_WAIT : STEP_OVER;
}

static void answer_request(struct client *client, int root, size_t length, unsigned status)
{
    struct http_request request = {.keep_alive = false};
    if (status == 0)
        status = http_parse(client->head, length, &request);
    answer_make(&client->answer, root, &request, status);
    client->keep_alive = request.keep_alive;
    client->head_sent = 0;
    client->state = CLIENT_SENDING;
    client->got -= length;
    memmove(client->head, client->head + length, client->got);
}

static enum step read_request(struct client *client, int root)
{
    size_t length = http_head_length(client->head, client->got);
    if (length != 0 || client->got == HTTP_HEAD_MAX) {
        answer_request(client, root, length != 0 ? length : client->got, length != 0 ? 0 : 431);
        return STEP_ON;
    }
    ssize_t got = recv(client->fd, client->head + client->got, HTTP_HEAD_MAX - client->got, 0);
    if (got <= 0)
        return no_more(got);
    /* Empty lines before a request mean nothing. */
    client->got += (size_t)got;
    size_t skip = 0;
    while (skip < client->got && (client->head[skip] == '\r' || client->head[skip] == '\n'))
        skip++;
    client->got -= skip;
    memmove(client->head, client->head + skip, client->got);
    return STEP_ON;
}

/* The next bytes of the body; false: the file has become shorter than it was. */
static bool body_piece(struct answer *answer, struct iovec *piece)
{
    static char buffer[PIECE];
    size_t length = answer->left < PIECE ? (size_t)answer->left : PIECE;
    if (answer->memory != NULL || length == 0) {
        *piece = (struct iovec){answer->memory + answer->from, length};
        return true;
    }
    ssize_t got = pread(answer->file, buffer, length, (off_t)answer->from);
    *piece = (struct iovec){buffer, got > 0 ? (size_t)got : 0};
    return got > 0;
}

static enum step end_answer(struct client *client)
{
    answer_free(&client->answer);
    if (client->keep_alive) {
        client->state = CLIENT_READING;
        return STEP_ON;
    }
    /* A close with bytes unread would be a reset, and the answer lost. */
    shutdown(client->fd, SHUT_WR);
    client->state = CLIENT_DRAINING;
    client->deadline = now_milliseconds() + DRAIN_PATIENCE;
    return STEP_ON;
}

static enum step send_answer(struct client *client)
{
    struct answer *answer = &client->answer;
    struct iovec pieces[2];
    pieces[0] =
        (struct iovec){answer->head + client->head_sent, answer->head_length - client->head_sent};
    if (!body_piece(answer, &pieces[1]))
        return STEP_OVER;
    unsigned skip = pieces[0].iov_len == 0 ? 1 : 0;
    struct msghdr message = {.msg_iov = pieces + skip,
                             .msg_iovlen = pieces[1].iov_len == 0 ? 1 : 2 - (int)skip};
    ssize_t sent = sendmsg(client->fd, &message, MSG_NOSIGNAL);
    if (sent < 0)
        return no_more(sent);
    size_t head = (size_t)sent < pieces[0].iov_len ? (size_t)sent : pieces[0].iov_len;
    client->head_sent += head;
    answer->from += (size_t)sent - head;
    answer->left -= (size_t)sent - head;
    client->deadline = now_milliseconds() + PATIENCE;
    return client->head_sent == answer->head_length && answer->left == 0 ? end_answer(client)
                                                                         : STEP_ON;
}

static enum step drain(struct client *client)
{
    ssize_t got = recv(client->fd, client->head, HTTP_HEAD_MAX, 0);
    return got > 0 ? STEP_ON : no_more(got);
}

bool client_run(struct client *client, int root)
{
    for (int i = 0; i < BUDGET; i++) {
        enum step step = client->state == CLIENT_READING   ? read_request(client, root)
                         : client->state == CLIENT_SENDING ? send_answer(client)
                                                           : drain(client);
        client->more = step == STEP_ON;
        if (step != STEP_ON)
            return step == STEP_WAIT;
    }
    return true;
}

short client_waits_for(const struct client *client)
{
    return client->state == CLIENT_SENDING ? POLLOUT : POLLIN;
}
