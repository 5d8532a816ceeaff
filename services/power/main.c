/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * power: a file that ends the machine in good order. It takes `off N` or `reboot`, answers, and exits: its node in the
 * manifest says `exit: power-off`, so that init has the services finish what they do and then turns the machine off.
 *
 * Grants: see README.md.
 */
#include <string.h>

#include <tessera/grants.h>

#include "pseudofd/server/server.h"
#include "services/common/log.h"

#define POWER_NODE  2u
#define POWER_NAME  "power"
#define EXIT_REBOOT 1000 /* init knows it */
#define TEXT_MAX    16u

struct power {
    bool ending;
    int status;
};

static const struct port_attr power_attr = {
    .ino = POWER_NODE, .nlink = 1, .type = CLOUDABI_FILETYPE_CHARACTER_DEVICE};
static const struct port_attr root_attr = {
    .ino = PORT_ROOT_NODE, .nlink = 2, .type = CLOUDABI_FILETYPE_DIRECTORY};

static bool is_power(const struct call *call)
{
    return call->request.node == PORT_ROOT_NODE && call->path_len == strlen(POWER_NAME) &&
           memcmp(call->path, POWER_NAME, call->path_len) == 0;
}

static cloudabi_errno_t power_open(struct server *server, struct call *call)
{
    (void)server;
    if (call->path_len == 0 && call->request.node == PORT_ROOT_NODE) {
        call_node(call, PORT_ROOT_NODE, PORT_FORM_DIRECTORY, &root_attr);
        return 0;
    }
    if (!is_power(call))
        return CLOUDABI_ENOENT;
    call_node(call, POWER_NODE, PORT_FORM_SYNTHETIC, &power_attr);
    return 0;
}

static cloudabi_errno_t power_stat(struct server *server, struct call *call)
{
    (void)server;
    if (!is_power(call))
        return CLOUDABI_ENOENT;
    call_attr(call, 0, &power_attr);
    return 0;
}

static cloudabi_errno_t power_get_attr(struct server *server, struct call *call)
{
    (void)server;
    call_attr(call, 0, call->request.node == POWER_NODE ? &power_attr : &root_attr);
    return 0;
}

/* The status of `off N`; false if TEXT is something else. */
static bool parse_off(const char *text, size_t len, int *status)
{
    unsigned value = 0;
    if (len < 5 || len > TEXT_MAX || memcmp(text, "off ", 4) != 0)
        return false;
    for (size_t i = 4; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || value > 25)
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *status = (int)value;
    return value <= 255;
}

static cloudabi_errno_t power_write(struct server *server, struct call *call)
{
    struct power *power = server->context;
    const char *text = (const char *)call->data;
    size_t len = call->data_len;
    call_length(call, len);
    if (len != 0 && text[len - 1] == '\n')
        len--;
    if (len == 6 && memcmp(text, "reboot", 6) == 0)
        power->status = EXIT_REBOOT;
    else if (!parse_off(text, len, &power->status))
        return CLOUDABI_EINVAL;
    power->ending = true;
    return 0;
}

int main(void)
{
    static const struct server_ops ops = {
        .open = power_open,
        .stat = power_stat,
        .get_attr = power_get_attr,
        .write = power_write,
    };
    static struct server server;
    static struct power power;
    log_open("power", grant_fd("log"));
    cloudabi_errno_t error = server_init(&server, grant_fd("port"), &ops, &power, false);
    while (!power.ending && (error == 0 || error == CLOUDABI_EAGAIN || error == CLOUDABI_EINTR)) {
        error = server_wait(&server);
        (void)server_step(&server);
    }
    server_flush(&server);
    if (!power.ending)
        log_line("serving ended: errno %u", error);
    return power.ending ? power.status : 1;
}
