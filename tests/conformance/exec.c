/* SPDX-License-Identifier: BSD-2-Clause */
/* proc_exec: this program again (child.h), and images made by hand that end in a fault which says where they were. */
#include "tests/conformance/call.h"
#include "tests/conformance/child.h"
#include "tests/conformance/platform.h"
#include "tests/conformance/suite.h"

#define SIGNALLED(signal) (1000u + (signal))
#define R(name)           CLOUDABI_RIGHT_##name

/* --- this program ------------------------------------------------------------------------------------------- */

struct execution {
    cloudabi_fd_t file;
    const void *data;
    size_t len;
    const cloudabi_fd_t *fds;
    size_t count;
};

static uint32_t executes(void *arg)
{
    const struct execution *e = arg;

    return 2000u + cloudabi_sys_proc_exec(e->file, e->data, e->len, e->fds, e->count);
}

/* How a child ends that executes this program in MODE; 2000 + errno if that failed. */
static uint32_t run_self(enum child_mode mode, const void *more, size_t len,
                         const cloudabi_fd_t *fds, size_t count)
{
    static uint8_t data[600000];
    struct execution e = {platform_grant("self"), data, len + 2, fds, count};

    if (e.file == NO_GRANT)
        SKIP("the program's own file was not granted");
    data[0] = 1; /* binary */
    data[1] = (uint8_t)mode;
    memcpy(data + 2, more, len);
    return child_result(executes, &e);
}

TEST(proc_exec, OK, "the program runs")
{
    CHECK(run_self(CHILD_EXITS, "", 0, NULL, 0) == 42);
}

static const size_t counts[] = {0, 1, 2, 17, 64};

TEST_ROWS(proc_exec, OK, "has just the descriptors of the list", ROWS(counts))
{
    cloudabi_fd_t fds[64];

    DESCRIBE("%u", (unsigned)counts[row]);
    for (size_t i = 0; i < ROWS(fds); i++)
        fds[i] = dir;
    CHECK(run_self(CHILD_COUNTS, "", 0, fds, counts[row]) == counts[row]);
}

TEST_ROWS(proc_exec, OK, "in the order of the list", 3)
{
    static const char *const names[] = {"a", "b", "c"};
    cloudabi_fd_t fds[3], first[3];

    for (int i = 0; i < 3; i++)
        fds[i] = file_with(names[i], names[i]);
    for (unsigned i = 0; i < 3; i++)
        first[i] = fds[(row + i) % 3];
    CHECK(run_self(CHILD_READS, "", 0, first, 3) == (uint32_t)names[row][0]);
}

static const size_t lengths[] = {0, 1, 100, 4094, 4096, 100000, 500000};

TEST_ROWS(proc_exec, OK, "gets its argument data", ROWS(lengths))
{
    static uint8_t data[500000];

    DESCRIBE("%u bytes", (unsigned)lengths[row]);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    CHECK(run_self(CHILD_CHECKS_DATA, data, lengths[row], NULL, 0) == 0);
}

TEST_ROWS(proc_exec, OK, "rights stay as they are", 3)
{
    static const cloudabi_rights_t rights[] = {0, R(FD_READ), FILE_BASE};
    cloudabi_fd_t fd = narrowed(new_file("f"), rights[row], 0);

    CHECK(run_self(CHILD_RIGHTS, &rights[row], 8, &fd, 1) == 0);
}

static void spins(void *arg)
{
    (void)arg;
    for (;;)
        continue;
}

static uint32_t executes_with_threads(void *arg)
{
    struct thread threads[3];

    for (size_t i = 0; i < ROWS(threads); i++)
        start_thread(&threads[i], spins, NULL);
    return executes(arg);
}

TEST(proc_exec, OK, "other threads end")
{
    static const uint8_t data[] = {1, CHILD_THREADS};
    struct execution e = {platform_grant("self"), data, sizeof(data), NULL, 0};

    if (e.file == NO_GRANT)
        SKIP("the program's own file was not granted");
    CHECK(child_result(executes_with_threads, &e) == 0);
}

TEST(proc_exec, OK, "what is not in the list is closed")
{
    static const uint8_t data[] = {1, CHILD_READS};
    cloudabi_fd_t pair[2], other[2];
    size_t done = 1;

    new_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, pair);
    new_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, other);
    struct execution e = {platform_grant("self"), data, sizeof(data), &pair[1], 1};
    if (e.file == NO_GRANT)
        SKIP("the program's own file was not granted");
    cloudabi_fd_t child = start_child(executes, &e);
    OK(cloudabi_sys_fd_close(other[1]));
    OK(get(other[0], &(char){0}, 1, &done)); /* while the child lives */
    CHECK(done == 0);
    OK(put(pair[0], "\5", 1, &done));
    CHECK(finish_child(child) == 5);
}

/* --- images made by hand ---------------------------------------------------------------------------------------- */

/* One page that is loaded to read and execute; it ends with a breakpoint. */
struct image {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
    struct {
        uint32_t type, flags;
        uint64_t offset, vaddr, paddr, filesz, memsz, align;
    } load;
    uint8_t code[8];
};

static const struct image good = {
    .ident = {0x7f, 'E', 'L', 'F', 2, 1, 1, 17},
    .type = 3,
    .machine = 62,
    .version = 1,
    .entry = offsetof(struct image, code),
    .phoff = offsetof(struct image, load),
    .ehsize = 64,
    .phentsize = 56,
    .phnum = 1,
    .load = {.type = 1,
             .flags = 5,
             .filesz = sizeof(struct image),
             .memsz = sizeof(struct image),
             .align = 4096},
    .code = {0xcc, 0xcc, 0xcc, 0xcc},
};

/* The file of this image, opened to be executed. */
static cloudabi_fd_t image_file(const void *bytes, size_t len)
{
    cloudabi_fd_t fd = new_file("image");

    OK(put_at(fd, bytes, len, 0));
    OK(cloudabi_sys_fd_close(fd));
    OK(open_with(dir, "image", 0, R(PROC_EXEC) | R(FD_READ), 0, &fd));
    return fd;
}

static uint32_t run_image(const void *bytes, size_t len)
{
    struct execution e = {image_file(bytes, len), "", 0, NULL, 0};

    return child_result(executes, &e);
}

TEST_ROWS(proc_exec, OK, "a program of one page", 3)
{
    static const char *const what[] = {"OSABI 17", "OSABI 9", "large alignment"};
    struct image image = good;

    DESCRIBE("%s", what[row]);
    if (row == 1)
        image.ident[7] = 9;
    if (row == 2)
        image.load.align = 0x200000;
    CHECK(run_image(&image, sizeof(image)) == SIGNALLED(CLOUDABI_SIGTRAP));
}

static uint32_t refused(const struct image *image, size_t len)
{
    uint32_t result = run_image(image, len);

    CHECK(result > 2000);
    return result - 2000;
}

/* Ways in which the image is none; each changes some bytes of the good one. */
static const struct {
    const char *what;
    size_t offset, len;
    uint64_t value;
} wrongs[] = {
    {"the magic number", 0, 1, 0x7e},
    {"32 bits", 4, 1, 1},
    {"big endian", 5, 1, 2},
    {"another OSABI", 7, 1, 3},
    {"another type", 16, 2, 1},
    {"another machine", 18, 2, 3},
    {"no program headers", offsetof(struct image, phnum), 2, 0},
    {"more program headers than file", offsetof(struct image, phnum), 2, 60000},
    {"program headers behind the file", offsetof(struct image, phoff), 8, 1000000},
    {"program headers at the end of all", offsetof(struct image, phoff), 8, UINT64_MAX - 10},
    {"program headers of another size", offsetof(struct image, phentsize), 2, 3},
    {"nothing to load", offsetof(struct image, load.type), 4, 0},
    {"to write and to execute", offsetof(struct image, load.flags), 4, 7},
    {"more in the file than in memory", offsetof(struct image, load.memsz), 8, 10},
    {"an endless segment", offsetof(struct image, load.memsz), 8, UINT64_MAX},
    {"a segment around the end", offsetof(struct image, load.vaddr), 8,
     UINT64_MAX & ~UINT64_C(4095)},
    {"a segment in the kernel", offsetof(struct image, load.vaddr), 8,
     UINT64_C(0xffffffff80000000)},
    {"an offset that does not fit the address", offsetof(struct image, load.vaddr), 8, 123},
    {"the segment behind the file", offsetof(struct image, load.offset), 8, UINT64_C(1) << 40},
};

TEST_ROWS(proc_exec, ENOEXEC, "not an executable of this ABI:", ROWS(wrongs))
{
    struct image image = good;

    DESCRIBE("%s", wrongs[row].what);
    memcpy((char *)&image + wrongs[row].offset, &wrongs[row].value, wrongs[row].len);
    REFUSED((cloudabi_errno_t)refused(&image, sizeof(image)));
}

TEST_ROWS(proc_exec, ENOEXEC, "a file that is too short", 5)
{
    static const size_t lens[] = {0, 1, 4, 63, 64};

    DESCRIBE("%u bytes", (unsigned)lens[row]);
    REFUSED((cloudabi_errno_t)refused(&good, lens[row]));
}

TEST(proc_exec, ENOEXEC, "a text")
{
    cloudabi_fd_t fd = image_file("#!/bin/sh\n", 10);

    REFUSED(cloudabi_sys_proc_exec(fd, "", 0, NULL, 0));
    CHECK(rights_of(dir) == DIR_BASE); /* nothing has changed */
}

/* --- other errors ----------------------------------------------------------------------------------------------- */

TEST(proc_exec, EBADF, "the file is open for writing")
{
    cloudabi_fd_t fd = new_file("image");

    OK(put_at(fd, &good, sizeof(good), 0));
    REFUSED(cloudabi_sys_proc_exec(fd, "", 0, NULL, 0));
}

TEST_ROWS(proc_exec, EBADF, "not open", 3)
{
    static const cloudabi_fd_t wrong[] = {9999, 0xffffffff, 0x80000000};

    REFUSED(cloudabi_sys_proc_exec(wrong[row], "", 0, NULL, 0));
}

TEST_ROWS(proc_exec, EBADF, "one of fds is not open", 3)
{
    cloudabi_fd_t fds[3] = {dir, dir, dir}, fd = image_file(&good, sizeof(good));

    fds[row] = 9999;
    REFUSED(cloudabi_sys_proc_exec(fd, "", 0, fds, 3));
    CHECK(rights_of(dir) == DIR_BASE && rights_of(fd) == (R(PROC_EXEC) | R(FD_READ)));
}

TEST_ROWS(proc_exec, E2BIG, "too much argument data", 3)
{
    static const size_t lens[] = {64u << 20, (size_t)1 << 40, SIZE_MAX};

    DESCRIBE("%#llx bytes", (unsigned long long)lens[row]);
    REFUSED(cloudabi_sys_proc_exec(image_file(&good, sizeof(good)), "", lens[row], NULL, 0));
}

TEST_ROWS(proc_exec, EINVAL, "too many descriptors", 3)
{
    static const size_t too_many[] = {4097, (size_t)1 << 40, SIZE_MAX};

    DESCRIBE("%#llx", (unsigned long long)too_many[row]);
    REFUSED(cloudabi_sys_proc_exec(image_file(&good, sizeof(good)), "", 0, &dir, too_many[row]));
}

static void *const bad_places[] = {NULL, BAD, BAD_HIGH, BAD_SHAPE, (void *)UINT64_MAX};

TEST_ROWS(proc_exec, EFAULT, "the argument data is no memory", ROWS(bad_places))
{
    DESCRIBE("%p", bad_places[row]);
    REFUSED(cloudabi_sys_proc_exec(image_file(&good, sizeof(good)), bad_places[row], 10, NULL, 0));
}

TEST_ROWS(proc_exec, EFAULT, "the list is no memory", ROWS(bad_places))
{
    DESCRIBE("%p", bad_places[row]);
    REFUSED(cloudabi_sys_proc_exec(image_file(&good, sizeof(good)), "", 0, bad_places[row], 2));
}

TEST(proc_exec, ETXTBSY, "the file is open for writing elsewhere")
{
    cloudabi_fd_t fd = image_file(&good, sizeof(good)), writer;

    OK(open_file(dir, "image", 0, &writer));
    REFUSED(cloudabi_sys_proc_exec(fd, "", 0, NULL, 0));
    OK(cloudabi_sys_fd_close(writer));
    CHECK(child_result(executes, &(struct execution){fd, "", 0, NULL, 0}) ==
          SIGNALLED(CLOUDABI_SIGTRAP));
}

TEST(proc_exec, ETXTBSY, "the file is mapped to be written")
{
    cloudabi_fd_t fd = image_file(&good, sizeof(good)), writer;
    char *mem = NULL;

    OK(open_file(dir, "image", 0, &writer));
    OK(map(PAGE, READ | WRITE, CLOUDABI_MAP_SHARED, writer, 0, &mem));
    OK(cloudabi_sys_fd_close(writer));
    REFUSED(cloudabi_sys_proc_exec(fd, "", 0, NULL, 0));
    OK(cloudabi_sys_mem_unmap(mem, PAGE));
    CHECK(child_result(executes, &(struct execution){fd, "", 0, NULL, 0}) ==
          SIGNALLED(CLOUDABI_SIGTRAP));
}

TEST(proc_exec, ENOMEM, "no memory: with each allocation that fails nothing has changed")
{
    static const uint8_t data[600];
    cloudabi_fd_t fd = image_file(&good, sizeof(good)), fds[3] = {dir, dir, dir};
    bool seen = false;

    for (unsigned n = 1; n <= 8; n++) {
        shortage(n);
        cloudabi_errno_t error = cloudabi_sys_proc_exec(fd, data, sizeof(data), fds, 3);
        shortage(0);
        seen |= error == wanted;
        REFUSED(error);
        CHECK(rights_of(dir) == DIR_BASE);
    }
    CHECK(seen);
}

/* --- a removed program goes on ------------------------------------------------------------------------------------ */

TEST(file_unlink, OK, "of a program that runs: it goes on")
{
    static const uint8_t data[] = {1, CHILD_READS};
    static char bytes[65536];
    cloudabi_fd_t self = platform_grant("self"), fd, pair[2];
    size_t done = 1;

    if (self == NO_GRANT)
        SKIP("the program's own file was not granted");
    fd = new_file("program");
    for (uint64_t at = 0; done > 0; at += done) {
        OK(get_at(self, bytes, sizeof(bytes), at, &done));
        OK(put_at(fd, bytes, done, at));
    }
    OK(cloudabi_sys_fd_close(fd));
    OK(open_with(dir, "program", 0, R(PROC_EXEC) | R(FD_READ), 0, &fd));
    new_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, pair);
    struct execution e = {fd, data, sizeof(data), &pair[1], 1};
    cloudabi_fd_t child = start_child(executes, &e);
    OK(cloudabi_sys_fd_close(fd));
    OK(cloudabi_sys_fd_close(pair[1]));
    nap(50 * MILLI);
    OK(unlink_at(dir, "program"));
    nap(10 * MILLI);
    OK(put(pair[0], "\7", 1, &done));
    CHECK(finish_child(child) == 7);
}
