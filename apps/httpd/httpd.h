/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * httpd: the files of one directory to whoever comes through one listener. One process, one thread, one poll.
 *
 *   main.c      grants, accepting, the loop
 *   client.c    a connection: reading heads, sending answers
 *   answer.c    what is answered to a request: files, directories, errors
 *   request.c   reading heads (pure), types.c: content types (pure)
 */
#ifndef APPS_HTTPD_HTTPD_H
#define APPS_HTTPD_HTTPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apps/httpd/request.h"

#define HEAD_OUT_MAX 1536

/* What is to be sent: a head, then bytes of memory or of a file. */
struct answer {
    char head[HEAD_OUT_MAX];
    size_t head_length;
    char *memory;  /* from malloc; NULL: none */
    int file;      /* -1: none */
    uint64_t from; /* next byte of the body */
    uint64_t left; /* bytes of the body to be sent */
};

enum client_state { CLIENT_READING, CLIENT_SENDING, CLIENT_DRAINING };

struct client {
    int fd;
    enum client_state state;
    bool keep_alive;
    bool more;         /* it stopped at its budget and waits for nothing */
    uint64_t deadline; /* milliseconds, monotonic */
    size_t got;        /* bytes in `head` */
    size_t head_sent;
    struct answer answer;
    char head[HTTP_HEAD_MAX];
};

/* Makes the answer to a request (or to what is none: `status` not 0), for a root directory. */
void answer_make(struct answer *answer, int root, const struct http_request *request,
                 unsigned status);
void answer_free(struct answer *answer);

/* The type of a file by its name. */
const char *content_type(const char *name);

/* A new connection; NULL: no memory. Takes `fd`. */
struct client *client_create(int fd);
void client_destroy(struct client *client);
/* Goes on until it would have to wait. False: it is over. */
bool client_run(struct client *client, int root);
/* What it waits for (POLLIN or POLLOUT). */
short client_waits_for(const struct client *client);

uint64_t now_milliseconds(void);

#endif
