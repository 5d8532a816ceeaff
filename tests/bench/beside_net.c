/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP in wall time, through QEMU's user network to a peer on the host (beside.py): the same source runs here and in the
 * Linux guest beside it.
 *
 *   beside_net PORT [PART]   what 10.0.2.2:PORT does is said by the first byte of a connection: 'o' takes all and says
 *                            one byte after its end, 'i' pours, 'e' echoes; PART: out, in or trip alone
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "beside.h"

#define HOST   "10.0.2.2"
#define PIECE  65536u
#define BYTES  (64u << 20)
#define ROUNDS 3000u

static char buffer[PIECE];

static int call(const char *port, char what)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int one = 1;
    inet_pton(AF_INET, HOST, &address.sin_addr);
    int fd;
    for (;;) { /* until there is a lease */
        fd = socket(AF_INET, SOCK_STREAM, 0);
        must(fd >= 0, "socket");
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            break;
        must(errno == ENETUNREACH, "connect");
        close(fd);
        usleep(10000);
    }
    must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0, "TCP_NODELAY");
    must(write(fd, &what, 1) == 1, "write");
    return fd;
}

static void stream_out(const char *port)
{
    int fd = call(port, 'o');
    double start = now();
    for (unsigned left = BYTES; left > 0;) {
        ssize_t n = write(fd, buffer, left < PIECE ? left : PIECE);
        must(n > 0, "write");
        left -= (unsigned)n;
    }
    must(shutdown(fd, SHUT_WR) == 0, "shutdown");
    must(read(fd, buffer, 1) == 1, "answer");
    printf("stream out: %.1f MB/s\n", BYTES / (now() - start) / 1e6);
    close(fd);
}

static void stream_in(const char *port)
{
    int fd = call(port, 'i');
    double start = now();
    for (unsigned left = BYTES; left > 0;) {
        ssize_t n = read(fd, buffer, left < PIECE ? left : PIECE);
        must(n > 0, "read");
        left -= (unsigned)n;
    }
    printf("stream in: %.1f MB/s\n", BYTES / (now() - start) / 1e6);
    close(fd);
}

static void round_trips(const char *port)
{
    int fd = call(port, 'e');
    double start = now();
    for (unsigned i = 0; i < ROUNDS; i++) {
        must(write(fd, buffer, 1) == 1, "write");
        must(read(fd, buffer, 1) == 1, "read");
    }
    printf("round trip: %.1f us\n", (now() - start) / ROUNDS * 1e6);
    close(fd);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const char *port);
    } parts[] = {{"out", stream_out}, {"in", stream_in}, {"trip", round_trips}};
    must(argc >= 2, "which port");
    for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (argc == 2 || strcmp(argv[2], parts[i].name) == 0)
            parts[i].run(argv[1]);
    return 0;
}
