/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a machine does while its power is cut (cuts.py): a program that changes files and says on its output what it is
 * about to do, and what it was told is durable. Small letters announce, capitals acknowledge:
 *
 *   c I SIZE   file f<I> is made and filled              C   ... and fsynced
 *   m I J      f<I> becomes f<J>                         M   ... and its directory is fsynced
 *   t I SIZE   f<I> is cut or grown                      T   ... and fsynced
 *   u I        f<I> is removed                           U   ... and its directory fsynced
 *   l N        N more bytes are appended to `log`        L   ... by a write that is synchronous
 *   r V        `config` is replaced by version V         R   ... with both file and directory fsynced
 *   w S V      sector-sized slot S of `slots` is V       W   ... by a synchronous write, or a store and msync
 *   d I        directory d<I> with a file x in it        D   ... x is fsynced (nothing else is)
 *   e I        x and d<I> are removed                    E   ... and their directory fsynced
 *
 * In between it makes noise that nobody is told about: files that grow, move and go without a sync, and one that is
 * open without a name. What files hold depends on their first number and the place in them only.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tessera/grants.h>

#include "abi/cloudabi_syscalls.h"

#define LINE  64u
#define FILES 24u
#define SLOT  512u
#define SLOTS 64u
#define DIRS  6u

static int dir, log_file, slots;
static char *mapped_slots;
static uint64_t random_state;
static unsigned next_id = 1, version, slot_version, noise_count;

static struct {
    unsigned id;  /* in the name; 0: none */
    unsigned tag; /* in the content */
    size_t size;
} files[FILES];
static unsigned dirs[DIRS]; /* ids; 0: none */

static unsigned pick(unsigned n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % n;
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    fflush(stdout);
}

/* Ends the program: something failed that must not. */
static void must(int ok, const char *what)
{
    if (ok)
        return;
    say("FAILED %s\n", what);
    perror(what);
    _exit(1);
}

/* The line at NUMBER of the content TAG. */
static void line_of(unsigned tag, size_t number, char line[LINE])
{
    char text[LINE + 1];
    snprintf(text, sizeof(text), "content %-10u line %-12u %27s", tag, (unsigned)number, "\n");
    memcpy(line, text, LINE);
}

/* The bytes [FROM, FROM + LEN) of the content TAG. */
static const char *content(unsigned tag, size_t from, size_t len)
{
    static char bytes[1 << 18];
    char line[LINE];
    for (size_t at = 0; at < len;) {
        size_t skip = (from + at) % LINE;
        size_t part = LINE - skip < len - at ? LINE - skip : len - at;
        line_of(tag, (from + at) / LINE, line);
        memcpy(bytes + at, line + skip, part);
        at += part;
    }
    return bytes;
}

static size_t some_size(void)
{
    static const size_t up_to[] = {100, 5000, 20000, 150000};
    return 1 + pick((unsigned)up_to[pick(4)]);
}

static const char *name_of(unsigned id)
{
    static char name[2][24];
    static unsigned turn;
    turn ^= 1;
    snprintf(name[turn], sizeof(name[turn]), "f%u", id);
    return name[turn];
}

static void write_content(int fd, unsigned tag, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t part = size - at < 30000 ? size - at : 30000;
        must(write(fd, content(tag, at, part), part) == (ssize_t)part, "write");
        at += part;
    }
}

static void create_file(unsigned i)
{
    unsigned id = next_id++;
    size_t size = some_size();
    say("c %u %zu\n", id, size);
    int fd = openat(dir, name_of(id), O_WRONLY | O_CREAT | O_EXCL, 0666);
    must(fd >= 0, "create");
    write_content(fd, id, size);
    must(fsync(fd) == 0, "fsync");
    say("C %u %zu\n", id, size);
    close(fd);
    files[i].id = files[i].tag = id;
    files[i].size = size;
}

static void move_file(unsigned i)
{
    unsigned id = next_id++;
    say("m %u %u\n", files[i].id, id);
    must(renameat(dir, name_of(files[i].id), dir, name_of(id)) == 0, "rename");
    must(fsync(dir) == 0, "fsync of a directory");
    say("M %u %u\n", files[i].id, id);
    files[i].id = id;
}

static void cut_file(unsigned i)
{
    size_t size = pick(3) == 0 ? files[i].size + pick(9000) : pick((unsigned)files[i].size + 1);
    if (size > files[i].size && pick(2) == 0)
        size = 0;
    say("t %u %zu\n", files[i].id, size);
    int fd = openat(dir, name_of(files[i].id), O_RDWR);
    must(fd >= 0 && ftruncate(fd, (off_t)size) == 0, "truncate");
    must(fsync(fd) == 0, "fsync");
    say("T %u %zu\n", files[i].id, size);
    close(fd);
    files[i].size = size;
}

static void remove_file(unsigned i)
{
    say("u %u\n", files[i].id);
    must(unlinkat(dir, name_of(files[i].id), 0) == 0, "unlink");
    must(fsync(dir) == 0, "fsync of a directory");
    say("U %u\n", files[i].id);
    files[i].id = 0;
}

static void change_file(void)
{
    unsigned i = pick(FILES);
    if (files[i].id == 0) {
        create_file(i);
        return;
    }
    switch (pick(4)) {
    case 0:
        move_file(i);
        break;
    case 1:
        cut_file(i);
        break;
    default:
        remove_file(i);
    }
}

static void append_log(void)
{
    static size_t size;
    size_t len = 1 + pick(6000);
    say("l %zu\n", len);
    must(write(log_file, content(0, size, len), len) == (ssize_t)len, "append");
    say("L %zu\n", len);
    size += len;
}

static void replace_config(void)
{
    unsigned id = ++version;
    size_t size = 1000 + id % 7 * 1500;
    say("r %u\n", id);
    int fd = openat(dir, "config.new", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    must(fd >= 0, "create");
    write_content(fd, 1000000 + id, size);
    must(fsync(fd) == 0, "fsync");
    close(fd);
    must(renameat(dir, "config.new", dir, "config") == 0, "rename");
    must(fsync(dir) == 0, "fsync of a directory");
    say("R %u\n", id);
}

static void write_slot(void)
{
    unsigned slot = pick(SLOTS), id = ++slot_version;
    const char *bytes = content(2000000 + id, 0, SLOT);
    say("w %u %u\n", slot, id);
    if (pick(2) == 0) {
        must(pwrite(slots, bytes, SLOT, slot * SLOT) == SLOT, "pwrite");
    } else {
        memcpy(mapped_slots + slot * SLOT, bytes, SLOT);
        must(msync(mapped_slots, SLOTS * SLOT, MS_SYNC) == 0, "msync");
    }
    say("W %u %u\n", slot, id);
}

static void change_dir(void)
{
    unsigned i = pick(DIRS);
    char name[24], inner[32];
    unsigned id = dirs[i] != 0 ? dirs[i] : next_id++;
    snprintf(name, sizeof(name), "d%u", id);
    snprintf(inner, sizeof(inner), "%s/x", name);
    if (dirs[i] == 0) {
        say("d %u\n", id);
        must(mkdirat(dir, name, 0777) == 0, "mkdir");
        int fd = openat(dir, inner, O_WRONLY | O_CREAT, 0666);
        must(fd >= 0, "create");
        write_content(fd, id, 700);
        must(fsync(fd) == 0, "fsync");
        close(fd);
        say("D %u\n", id);
        dirs[i] = id;
        return;
    }
    say("e %u\n", id);
    must(unlinkat(dir, inner, 0) == 0 && unlinkat(dir, name, AT_REMOVEDIR) == 0, "remove");
    must(fsync(dir) == 0, "fsync of a directory");
    say("E %u\n", id);
    dirs[i] = 0;
}

/* Names below `noise` come and go, and nobody syncs them. */
static void noise(void)
{
    static int nameless = -1;
    char name[32], other[32];
    unsigned kind = pick(6);
    snprintf(name, sizeof(name), "noise/n%u", pick(40));
    snprintf(other, sizeof(other), "noise/%s%u", kind == 5 ? "s" : "n", pick(40));
    if (kind < 2) {
        int fd = openat(dir, name, O_WRONLY | O_CREAT | O_APPEND, 0666);
        must(fd >= 0, "create");
        write_content(fd, 3000000 + noise_count++, some_size());
        close(fd);
    } else if (kind == 2) {
        (void)renameat(dir, name, dir, other);
    } else if (kind == 3) {
        (void)unlinkat(dir, name, 0);
    } else if (kind == 4) {
        if (nameless >= 0)
            close(nameless);
        nameless = openat(dir, name, O_RDWR | O_CREAT, 0666);
        must(nameless >= 0, "create");
        write_content(nameless, 3000000 + noise_count++, some_size());
        must(unlinkat(dir, name, 0) == 0, "unlink");
    } else if (unlinkat(dir, other, 0) != 0) {
        if (pick(2) == 0)
            (void)symlinkat("a/target/that/is/long/enough/for/a/block/of/its/own/aaaaaaaaaaaaaaaaa",
                            dir, other);
        else
            (void)linkat(dir, name, dir, other, 0);
    }
}

/* The C library has no O_DSYNC. */
static int open_data_sync(const char *name)
{
    const cloudabi_lookup_t at = {.fd = (cloudabi_fd_t)dir};
    const cloudabi_fdstat_t wanted = {.fs_flags = CLOUDABI_FDFLAG_DSYNC,
                                      .fs_rights_base =
                                          CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE |
                                          CLOUDABI_RIGHT_FD_SEEK | CLOUDABI_RIGHT_FD_SYNC |
                                          CLOUDABI_RIGHT_FD_DATASYNC | CLOUDABI_RIGHT_MEM_MAP};
    cloudabi_fd_t fd = 0;
    must(cloudabi_sys_file_open(at, name, strlen(name), CLOUDABI_O_CREAT, &wanted, &fd) == 0,
         "create");
    return (int)fd;
}

static void prepare(void)
{
    static const char zeros[SLOTS * SLOT];
    must(mkdirat(dir, "noise", 0777) == 0, "mkdir");
    log_file = openat(dir, "log", O_WRONLY | O_CREAT | O_APPEND | O_SYNC, 0666);
    must(log_file >= 0, "create");
    slots = open_data_sync("slots");
    must(pwrite(slots, zeros, sizeof(zeros), 0) == (ssize_t)sizeof(zeros), "pwrite");
    mapped_slots = mmap(NULL, sizeof(zeros), PROT_READ | PROT_WRITE, MAP_SHARED, slots, 0);
    must(mapped_slots != MAP_FAILED, "mmap");
    must(fsync(slots) == 0 && fsync(log_file) == 0 && fsync(dir) == 0, "fsync");
}

int main(int argc, char **argv)
{
    static void (*const steps[])(void) = {change_file, change_file, append_log, replace_config,
                                          write_slot,  write_slot,  change_dir, noise,
                                          noise,       noise};
    dir = grant_fd("disk");
    random_state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    (void)pick(2);
    prepare();
    say("ready\n");
    unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : ~0ul;
    for (unsigned long i = 0; i < rounds; i++)
        steps[pick(sizeof(steps) / sizeof(steps[0]))]();
    say("end\n");
    return 0;
}
