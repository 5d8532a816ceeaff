/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ping [-c COUNT] [-i MILLISECONDS] [-s BYTES] HOST: asks for echoes and tells how long they took.
 * Needs: net, or icmp_echo (and dns for names), stdout, stderr. Exits with 0 if anything came back.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <tessera/grants.h>

#define PAYLOAD_MAX 8192
/* After the last request. */
#define PATIENCE_MS 2000

static struct {
    char address[NI_MAXHOST];
    int fd;
    unsigned count, interval;
    size_t size;
    unsigned sent, received;
    uint64_t least, most, sum;
} ping = {.count = 4, .interval = 1000, .size = 56};

static bool find_address(const char *host)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo *list;
    int error = getaddrinfo(host, NULL, &hints, &list);
    if (error == 0)
        error = getnameinfo(list->ai_addr, list->ai_addrlen, ping.address, sizeof(ping.address),
                            NULL, 0, NI_NUMERICHOST);
    if (error == 0) {
        freeaddrinfo(list);
        return true;
    }
    fprintf(stderr, "ping: %s: %s\n", host,
            error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    return false;
}

static bool open_echo(void)
{
    char path[NI_MAXHOST + 16];
    int part = grant_fd("icmp_echo");
    snprintf(path, sizeof(path), "%s%s", part < 0 ? "icmp/echo/" : "", ping.address);
    ping.fd = openat(part < 0 ? grant_fd("net") : part, path, O_RDWR);
    if (ping.fd < 0)
        fprintf(stderr, "ping: %s: %s\n", ping.address, strerror(errno));
    return ping.fd >= 0;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The payload begins with the number of the request. */
static void send_request(void)
{
    static unsigned char payload[PAYLOAD_MAX];
    for (size_t i = 0; i < ping.size; i++)
        payload[i] = (unsigned char)i;
    memcpy(payload, &ping.sent, ping.size < sizeof(ping.sent) ? ping.size : sizeof(ping.sent));
    ping.sent++;
    if (send(ping.fd, payload, ping.size, 0) < 0)
        fprintf(stderr, "ping: %s\n", strerror(errno));
}

static void take_reply(void)
{
    static unsigned char reply[sizeof(uint64_t) + PAYLOAD_MAX];
    uint64_t time;
    unsigned number = 0;
    ssize_t got = recv(ping.fd, reply, sizeof(reply), 0);
    if (got < (ssize_t)sizeof(time))
        return;
    memcpy(&time, reply, sizeof(time));
    size_t length = (size_t)got - sizeof(time);
    memcpy(&number, reply + sizeof(time), length < sizeof(number) ? length : sizeof(number));
    ping.received++;
    ping.sum += time;
    ping.least = ping.received == 1 || time < ping.least ? time : ping.least;
    ping.most = time > ping.most ? time : ping.most;
    printf("%zu bytes from %s: number %u, %llu.%03llu ms\n", length, ping.address, number,
           (unsigned long long)time / 1000000, (unsigned long long)time / 1000 % 1000);
    fflush(stdout);
}

/* Takes replies until the time is over, or all are there. */
static void wait_until(uint64_t end)
{
    for (;;) {
        struct pollfd entry = {.fd = ping.fd, .events = POLLIN};
        uint64_t now = now_ms();
        if (now >= end || ping.received >= ping.count)
            return;
        int ready = poll(&entry, 1, (int)(end - now));
        if (ready < 0)
            return;
        if (ready > 0)
            take_reply();
    }
}

static bool parse_options(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "c:i:s:")) != -1) {
        unsigned long value = option == '?' ? 0 : strtoul(optarg, NULL, 10);
        if (option == 'c')
            ping.count = (unsigned)value;
        else if (option == 'i')
            ping.interval = (unsigned)value;
        else if (option == 's' && value <= PAYLOAD_MAX)
            ping.size = value;
        else
            return false;
    }
    return optind == argc - 1 && ping.count > 0;
}

int main(int argc, char **argv)
{
    if (!parse_options(argc, argv)) {
        fprintf(stderr, "usage: ping [-c COUNT] [-i MILLISECONDS] [-s BYTES] HOST\n");
        return 2;
    }
    if (!find_address(argv[optind]) || !open_echo())
        return 1;
    uint64_t next = now_ms();
    while (ping.sent < ping.count) {
        send_request();
        next += ping.interval;
        wait_until(ping.sent < ping.count ? next : now_ms() + PATIENCE_MS);
    }
    printf("%u sent, %u came back", ping.sent, ping.received);
    if (ping.received != 0)
        printf("; %llu/%llu/%llu us least/mean/most", (unsigned long long)ping.least / 1000,
               (unsigned long long)(ping.sum / ping.received) / 1000,
               (unsigned long long)ping.most / 1000);
    printf("\n");
    return ping.received == 0;
}
