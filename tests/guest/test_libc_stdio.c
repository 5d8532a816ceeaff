/* SPDX-License-Identifier: BSD-2-Clause */
/* The C library's standard streams, formatting, strings, jumps and allocation. */
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

#include <tessera/grants.h>

#include "tests/guest/tap.h"

static int constructed;
static jmp_buf jump;

__attribute__((constructor)) static void construct(void)
{
    constructed = 1;
}

static void formats(void)
{
    char text[128];

    snprintf(text, sizeof(text), "%d %5.2f %s %zx %lld", -3, 3.14159, "abc", (size_t)255,
             123456789012LL);
    CHECK(strcmp(text, "-3  3.14 abc ff 123456789012") == 0);
    snprintf(text, sizeof(text), "%.3Lg|%-6s|%06d|%c", 2.5L, "ab", 42, 'x');
    CHECK(strcmp(text, "2.5|ab    |000042|x") == 0);
    CHECK(strtod("1e-3", NULL) == 0.001);
    CHECK(fabs(exp(1.0) - 2.718281828459045) < 1e-15);
    CHECK(strtoul("0xff", NULL, 0) == 255);
    int a = 0, b = 0;
    CHECK(sscanf("12,34", "%d,%d", &a, &b) == 2 && a == 12 && b == 34);
}

static void files(void)
{
    char *line = NULL;
    size_t size = 0;
    FILE *f = fopen("/tmpdir/stdio.txt", "w+");

    if (!CHECK(f != NULL))
        return;
    CHECK(fprintf(f, "first %d\nsecond\n", 1) == 15);
    rewind(f);
    CHECK(getline(&line, &size, f) == 8 && strcmp(line, "first 1\n") == 0);
    CHECK(getline(&line, &size, f) == 7);
    CHECK(getline(&line, &size, f) == -1 && feof(f));
    CHECK(fseek(f, 6, SEEK_SET) == 0 && fgetc(f) == '1' && ftell(f) == 7);
    CHECK(fclose(f) == 0);
    free(line);
    /* A relative path starts at tmpdir when there is no cwd. */
    f = fopen("stdio.txt", "a");
    CHECK(f != NULL && fputs("third\n", f) >= 0 && fclose(f) == 0);
    f = fopen("stdio.txt", "r");
    CHECK(f != NULL && fseek(f, 0, SEEK_END) == 0 && ftell(f) == 21 && fclose(f) == 0);
    CHECK(remove("stdio.txt") == 0);
    CHECK(fopen("stdio.txt", "r") == NULL && errno == ENOENT);
    CHECK(fopen("/nosuchgrant/x", "r") == NULL && errno == ENOTCAPABLE);
    f = tmpfile();
    CHECK(f != NULL && fputs("x", f) >= 0 && fclose(f) == 0);
}

static int deep(int levels)
{
    volatile char fill[200];

    fill[0] = (char)levels;
    if (levels == 0)
        longjmp(jump, 7);
    return deep(levels - 1) + fill[0];
}

/* A jump must bring the unsafe stack back as well: many of them must not use it up. */
static void jumps(void)
{
    volatile int rounds = 0;
    char here[64];

    snprintf(here, sizeof(here), "kept");
    while (rounds < 2000) {
        int value = setjmp(jump);
        if (value == 0)
            deep(10);
        if (value != 7)
            break;
        rounds++;
    }
    CHECK(rounds == 2000 && strcmp(here, "kept") == 0);
}

static volatile sig_atomic_t seen;

static void handler(int sig)
{
    seen = sig;
}

static void signals(void)
{
    sigset_t set;

    CHECK(signal(SIGUSR1, handler) == SIG_DFL);
    CHECK(raise(SIGUSR1) == 0 && seen == SIGUSR1);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    seen = 0;
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && raise(SIGUSR1) == 0 && seen == 0);
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 && seen == SIGUSR1);
}

static void memory(void)
{
    void *blocks[200];
    bool good = true;

    for (int i = 0; i < 200; i++) {
        size_t size = (size_t)i * i * 7 + 1;
        blocks[i] = malloc(size);
        good = good && blocks[i] != NULL && (uintptr_t)blocks[i] % 16 == 0;
        if (blocks[i] != NULL)
            memset(blocks[i], i, size);
    }
    for (int i = 0; i < 200; i++) {
        good = good && *(unsigned char *)blocks[i] == i;
        free(blocks[i]);
    }
    CHECK(good);
    char *zeroed = calloc(1000, 100);
    CHECK(zeroed != NULL && zeroed[0] == 0 && zeroed[99999] == 0);
    zeroed = realloc(zeroed, 10);
    CHECK(zeroed != NULL);
    free(zeroed);
    void *aligned = NULL;
    CHECK(posix_memalign(&aligned, 65536, 100) == 0 && (uintptr_t)aligned % 65536 == 0);
    free(aligned);
    volatile size_t huge = SIZE_MAX - 100;
    /* Through a pointer: the compiler would take it that an unused allocation succeeds. */
    void *(*volatile allocate)(size_t) = malloc;
    void *(*volatile allocate_zeroed)(size_t, size_t) = calloc;
    CHECK(allocate(huge) == NULL && errno == ENOMEM);
    CHECK(allocate_zeroed(huge, 16) == NULL);
}

int main(int argc, char **argv)
{
    CHECK(argc >= 1 && argv[0] != NULL && argv[argc] == NULL);
    CHECK(constructed == 1);
    CHECK(grant_fd("tmpdir") >= 0 && grant_fd("nosuchgrant") == -1);
    CHECK(strcmp(strerror(ENOTCAPABLE), "Capabilities insufficient") == 0);
    CHECK(getpid() == getpid() && getpid() > 0);
    CHECK(sysconf(_SC_PAGESIZE) == 4096 && sysconf(_SC_NPROCESSORS_ONLN) >= 1);
    unsigned char random[32] = {0};
    unsigned char other[32] = {0};
    CHECK(getentropy(random, sizeof(random)) == 0 && getentropy(other, sizeof(other)) == 0 &&
          memcmp(random, other, sizeof(random)) != 0);
    formats();
    files();
    jumps();
    signals();
    memory();
    return tap_end();
}
