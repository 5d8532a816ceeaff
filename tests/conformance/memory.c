/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory: mappings of files, shared and fresh memory; protection; advice. */
#include "tests/conformance/call.h"
#include "tests/conformance/suite.h"

#define NONE    CLOUDABI_MAP_ANON_FD
#define PRIVATE CLOUDABI_MAP_PRIVATE
#define SHARED  CLOUDABI_MAP_SHARED
#define FIXED   CLOUDABI_MAP_FIXED

static uint32_t reads(void *address)
{
    return *(volatile uint8_t *)address;
}

static uint32_t writes(void *address)
{
    *(volatile uint8_t *)address = 1;
    return 0;
}

static uint32_t calls(void *address)
{
    ((void (*)(void))address)();
    return 0;
}

#define DIES (1000 + CLOUDABI_SIGSEGV)

/* What a child may do with the byte at ADDRESS: bits as in prot. */
static cloudabi_mprot_t access_to(char *address)
{
    uint32_t read = child_result(reads, address), write = child_result(writes, address);

    CHECK((read == DIES || read < 256) && (write == DIES || write == 0));
    return (read == DIES ? 0 : READ) | (write == DIES ? 0 : WRITE);
}

static char *at_fixed(void *where, size_t len, cloudabi_mprot_t prot, cloudabi_mflags_t flags,
                      cloudabi_fd_t fd, uint64_t off)
{
    void *mem = NULL;

    OK(cloudabi_sys_mem_map(where, len, prot, flags | FIXED, fd, off, &mem));
    CHECK(mem == where);
    return mem;
}

/* --- mem_map ------------------------------------------------------------------------------------------ */

static const size_t lengths[] = {1, 4095, 4096, 4097, 65536, 1u << 20, 1u << 30};

TEST_ROWS(mem_map, OK, "fresh memory is zero, whole pages", ROWS(lengths) * 2)
{
    size_t len = lengths[row / 2];
    char *mem = NULL;

    DESCRIBE("%llu bytes, %s", (unsigned long long)len, row % 2 ? "shared" : "private");
    OK(map(len, READ | WRITE, CLOUDABI_MAP_ANON | (row % 2 ? SHARED : PRIVATE), NONE, 0, &mem));
    CHECK((uintptr_t)mem % PAGE == 0 && mem != NULL);
    CHECK(mem[0] == 0 && mem[len - 1] == 0 &&
          mem[((len + PAGE - 1) & ~(size_t)(PAGE - 1)) - 1] == 0);
    mem[0] = 1;
    mem[len - 1] = 2;
    CHECK(mem[len - 1] == 2);
}

TEST(mem_map, OK, "mappings do not overlap")
{
    char *mem[64];

    for (size_t i = 0; i < ROWS(mem); i++) {
        mem[i] = new_pages(i % 5 + 1);
        memset(mem[i], (int)i, (i % 5 + 1) * PAGE);
    }
    for (size_t i = 0; i < ROWS(mem); i++)
        for (size_t k = 0; k < (i % 5 + 1) * PAGE; k += 512)
            CHECK(mem[i][k] == (char)i);
}

static const cloudabi_mprot_t prots[] = {0, READ, WRITE, READ | WRITE, EXEC, READ | EXEC};

TEST_ROWS(mem_map, OK, "the protection holds", ROWS(prots) * 3)
{
    static const char *const what[] = {"fresh", "shared", "a file"};
    cloudabi_mprot_t prot = prots[row / 3];
    cloudabi_fd_t fd = file_with("f", "x");
    char *mem = NULL;

    DESCRIBE("prot %u, %s", prot, what[row % 3]);
    if (row % 3 == 0)
        OK(map(PAGE, prot, ANON, NONE, 0, &mem));
    else if (row % 3 == 1)
        OK(map(PAGE, prot, CLOUDABI_MAP_ANON | SHARED, NONE, 0, &mem));
    else
        OK(map(PAGE, prot, SHARED, fd, 0, &mem));
    cloudabi_mprot_t access = access_to(mem);
    CHECK((access & WRITE) == (prot & WRITE));
    CHECK((access & READ) ==
          (prot != 0 ? READ : 0)); /* the processor reads whatever it may write or run */
}

TEST(mem_map, OK, "what may not be executed is not")
{
    char *mem = new_pages(1);

    mem[0] = (char)0xc3; /* ret */
    CHECK(child_result(calls, mem) == DIES);
    OK(cloudabi_sys_mem_protect(mem, PAGE, READ | EXEC));
    CHECK(child_result(calls, mem) == 0);
}

TEST(mem_map, OK, "fixed replaces just that part")
{
    char *mem = new_pages(4);

    memset(mem, 7, 4 * PAGE);
    at_fixed(mem + PAGE, PAGE, READ | WRITE, ANON, NONE, 0);
    CHECK(mem[PAGE - 1] == 7 && mem[PAGE] == 0 && mem[2 * PAGE - 1] == 0 && mem[2 * PAGE] == 7);
}

TEST(mem_map, OK, "fixed over several mappings and holes")
{
    char *mem = new_pages(6);

    OK(cloudabi_sys_mem_unmap(mem + PAGE, PAGE));
    OK(cloudabi_sys_mem_protect(mem + 3 * PAGE, PAGE, READ));
    at_fixed(mem, 6 * PAGE, READ | WRITE, ANON, NONE, 0);
    memset(mem, 1, 6 * PAGE);
}

TEST(mem_map, OK, "an address that is only a hint and taken gives another")
{
    char *mem = new_pages(1), *other = NULL;

    mem[0] = 7;
    OK(cloudabi_sys_mem_map(mem, PAGE, READ, ANON, NONE, 0, (void **)&other));
    CHECK(other != mem && mem[0] == 7);
}

static const struct {
    uint64_t off;
    size_t len;
} windows[] = {{0, 1}, {0, 4096}, {0, 10000}, {4096, 4096}, {4096, 100}, {8192, 4096}};

TEST_ROWS(mem_map, OK, "a file, from an offset", ROWS(windows) * 2)
{
    cloudabi_mflags_t flags = row % 2 ? SHARED : PRIVATE;
    uint64_t off = windows[row / 2].off;
    size_t len = windows[row / 2].len;
    cloudabi_fd_t fd = new_file("f");
    static char bytes[3 * PAGE];
    char *mem = NULL;

    DESCRIBE("%llu + %u, %s", (unsigned long long)off, (unsigned)len,
             row % 2 ? "shared" : "private");
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 7 + i / 256);
    OK(put_at(fd, bytes, sizeof(bytes), 0));
    OK(map(len, READ, flags, fd, off, &mem));
    CHECK(memcmp(mem, bytes + off, len) == 0);
}

TEST(mem_map, OK, "shared: what is stored is read, what is written is seen")
{
    cloudabi_fd_t fd = file_with("f", "0123456789");
    char *mem = NULL;

    OK(map(PAGE, READ | WRITE, SHARED, fd, 0, &mem));
    mem[1] = 'S';
    CHECK(holds(fd, "0S23456789"));
    OK(put_at(fd, "W", 1, 2));
    CHECK(mem[2] == 'W' && stat_of(fd).st_size == 10);
}

TEST(mem_map, OK, "private: what is stored stays here")
{
    cloudabi_fd_t fd = file_with("f", "0123456789");
    char *mem = NULL;

    OK(map(PAGE, READ | WRITE, PRIVATE, fd, 0, &mem));
    mem[1] = 'S';
    CHECK(holds(fd, "0123456789") && mem[1] == 'S' && mem[0] == '0');
}

TEST(mem_map, OK, "a mapping outlives its descriptor and its name")
{
    cloudabi_fd_t fd = file_with("f", "0123456789");
    char *mem = NULL;

    OK(map(PAGE, READ, SHARED, fd, 0, &mem));
    OK(cloudabi_sys_fd_close(fd));
    OK(unlink_at(dir, "f"));
    CHECK(memcmp(mem, "0123456789", 10) == 0);
}

TEST(mem_map, OK, "behind the end of the file is no memory")
{
    cloudabi_fd_t fd = file_with("f", "0123456789");
    char *mem = NULL;

    OK(map(2 * PAGE, READ, SHARED, fd, 0, &mem));
    CHECK(mem[10] == 0 && mem[PAGE - 1] == 0);
    CHECK(child_result(reads, mem + PAGE) == 1000 + CLOUDABI_SIGBUS);
}

TEST(mem_map, OK, "a file that is cut loses its pages")
{
    cloudabi_fd_t fd = new_file("f");
    cloudabi_filestat_t stat = {.st_size = 10};
    char *mem = NULL;

    OK(put_at(fd, "x", 1, 2 * PAGE));
    OK(map(3 * PAGE, READ | WRITE, SHARED, fd, 0, &mem));
    mem[2 * PAGE] = 'y';
    OK(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE));
    CHECK(child_result(reads, mem + 2 * PAGE) == 1000 + CLOUDABI_SIGBUS);
    CHECK(mem[10] == 0);
}

TEST(mem_map, OK, "shared memory is one memory: in both mappings and after a fork")
{
    cloudabi_fd_t fd = new_memory(2);
    char *a = NULL, *b = NULL;

    OK(map(2 * PAGE, READ | WRITE, SHARED, fd, 0, &a));
    OK(map(PAGE, READ | WRITE, SHARED, fd, PAGE, &b));
    CHECK(child_result(writes, a + PAGE) == 0);
    CHECK(b[0] == 1);
}

TEST(mem_map, OK, "private memory is copied by a fork")
{
    char *mem = new_pages(1);

    CHECK(child_result(writes, mem) == 0);
    CHECK(mem[0] == 0);
}

static const struct {
    const char *what;
    uint64_t addr;
    size_t len;
    cloudabi_mflags_t flags;
    uint64_t off;
} no_maps[] = {{"length 0", 0, 0, ANON, 0},
               {"neither private nor shared", 0, PAGE, CLOUDABI_MAP_ANON, 0},
               {"both", 0, PAGE, ANON | SHARED, 0},
               {"an offset without a file", 0, PAGE, ANON, PAGE},
               {"an undefined flag", 0, PAGE, ANON | 0x10, 0},
               {"an undefined flag", 0, PAGE, ANON | 0x80, 0},
               {"fixed, not at a page", 4097, PAGE, ANON | FIXED, 0},
               {"fixed at 0", 0, PAGE, ANON | FIXED, 0},
               {"fixed in the kernel's half", UINT64_C(0xffffffff80000000), PAGE, ANON | FIXED, 0},
               {"fixed at no address", UINT64_C(0x8000000000000000), PAGE, ANON | FIXED, 0},
               {"fixed across the end", UINT64_C(0x7fffffffe000), 0x10000, ANON | FIXED, 0},
               {"fixed, around", UINT64_C(0xfffffffffffff000), 0x10000, ANON | FIXED, 0}};

TEST_ROWS(mem_map, EINVAL, "fresh memory:", ROWS(no_maps))
{
    void *mem = (void *)77;

    DESCRIBE("%s", no_maps[row].what);
    REFUSED(cloudabi_sys_mem_map((void *)no_maps[row].addr, no_maps[row].len, READ | WRITE,
                                 no_maps[row].flags, NONE, no_maps[row].off, &mem));
    CHECK(mem == (void *)77);
}

TEST_ROWS(mem_map, EINVAL, "a file:", 5)
{
    static const char *const what[] = {"offset 1", "offset 4095", "with MAP_ANON", "length 0",
                                       "no kind"};
    cloudabi_fd_t fd = file_with("f", "x");
    cloudabi_mflags_t flags = row == 2 ? ANON : row == 4 ? 0 : PRIVATE;
    char *mem;

    DESCRIBE("%s", what[row]);
    REFUSED(map(row == 3 ? 0 : PAGE, READ, flags, fd, row == 0 ? 1 : row == 1 ? 4095 : 0, &mem));
}

static const cloudabi_mprot_t no_prots[] = {8, 0x10, 0x80, 0xff, WRITE | EXEC, READ | WRITE | EXEC};

TEST_ROWS(mem_map, ENOTSUP, "a protection that does not exist, or to write and execute",
          ROWS(no_prots))
{
    char *mem;

    DESCRIBE("%#x", no_prots[row]);
    REFUSED(map(PAGE, no_prots[row], ANON, NONE, 0, &mem));
}

static const cloudabi_fd_t not_open[] = {9999, 4095, 0x80000000};

TEST_ROWS(mem_map, EBADF, "not open", ROWS(not_open) + 1)
{
    char *mem;

    DESCRIBE(row < ROWS(not_open) ? "%#x" : "none",
             row < ROWS(not_open) ? (unsigned)not_open[row] : 0);
    REFUSED(map(PAGE, READ, PRIVATE, row < ROWS(not_open) ? not_open[row] : NONE, 0, &mem));
}

static const struct {
    uint64_t off;
    size_t len;
} too_far[] = {{INT64_MAX & ~UINT64_C(4095), PAGE + 1},
               {UINT64_C(1) << 63, PAGE},
               {UINT64_MAX & ~UINT64_C(4095), PAGE},
               {0, SIZE_MAX},
               {PAGE, (size_t)1 << 63},
               {UINT64_C(1) << 62, (size_t)1 << 62}};

TEST_ROWS(mem_map, EOVERFLOW, "offset and length over 2^63-1", ROWS(too_far))
{
    char *mem;

    DESCRIBE("%#llx + %#llx", (unsigned long long)too_far[row].off,
             (unsigned long long)too_far[row].len);
    REFUSED(map(too_far[row].len, READ, PRIVATE, file_with("f", "x"), too_far[row].off, &mem));
}

static const size_t too_large[] = {(size_t)1 << 47, (size_t)1 << 50, (size_t)1 << 62};

TEST_ROWS(mem_map, ENOMEM, "more than there are addresses", ROWS(too_large))
{
    char *mem;

    DESCRIBE("%#llx", (unsigned long long)too_large[row]);
    REFUSED(map(too_large[row], READ, ANON, NONE, 0, &mem));
}

TEST_ROWS(mem_map, ENOMEM, "no memory for it", 2)
{
    cloudabi_fd_t fd = file_with("f", "x");
    char *mem;

    SHORTAGE(map(PAGE, READ, row == 0 ? PRIVATE : SHARED, fd, 0, &mem),
             cloudabi_sys_mem_unmap(mem, PAGE));
}

static const struct {
    cloudabi_rights_t rights;
    cloudabi_mprot_t prot;
    cloudabi_mflags_t flags;
} rightless[] = {{CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE, READ, PRIVATE},
                 {CLOUDABI_RIGHT_MEM_MAP | CLOUDABI_RIGHT_FD_WRITE, READ, SHARED},
                 {CLOUDABI_RIGHT_MEM_MAP | CLOUDABI_RIGHT_FD_READ, READ | WRITE, SHARED},
                 {CLOUDABI_RIGHT_MEM_MAP | CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_FD_WRITE,
                  READ | EXEC, PRIVATE}};

TEST_ROWS(mem_map, ENOTCAPABLE, "more than the descriptor allows", ROWS(rightless))
{
    cloudabi_fd_t fd = narrowed(file_with("f", "x"), rightless[row].rights, 0);
    char *mem;

    REFUSED(map(PAGE, rightless[row].prot, rightless[row].flags, fd, 0, &mem));
}

/* --- mem_unmap ------------------------------------------------------------------------------------------- */

TEST_ROWS(mem_unmap, OK, "a part: the rest stays", 5)
{
    static const unsigned parts[][2] = {{0, 1}, {7, 1}, {3, 2}, {0, 8}, {1, 6}};
    unsigned from = parts[row][0], count = parts[row][1];
    char *mem = new_pages(8);

    DESCRIBE("pages %u to %u of 8", from, from + count - 1);
    memset(mem, 7, 8 * PAGE);
    OK(cloudabi_sys_mem_unmap(mem + from * PAGE, count * PAGE));
    for (unsigned i = 0; i < 8; i++) {
        bool gone = i >= from && i < from + count;
        CHECK(child_result(reads, mem + i * PAGE) == (gone ? DIES : 7u));
    }
}

TEST(mem_unmap, OK, "where nothing is mapped, and twice")
{
    char *mem = new_pages(2);

    OK(cloudabi_sys_mem_unmap(mem, 2 * PAGE));
    OK(cloudabi_sys_mem_unmap(mem, 2 * PAGE));
}

TEST(mem_unmap, OK, "a length that is no whole page takes the page")
{
    char *mem = new_pages(2);

    OK(cloudabi_sys_mem_unmap(mem, 1));
    CHECK(child_result(reads, mem) == DIES && mem[PAGE] == 0);
}

static const struct {
    uint64_t addr;
    size_t len;
} no_ranges[] = {{1, PAGE},
                 {4097, PAGE},
                 {UINT64_C(0x10000800), PAGE},
                 {UINT64_C(0xffffffff80000000), PAGE},
                 {UINT64_C(0x8000000000000000), PAGE},
                 {UINT64_C(0x10000000), SIZE_MAX},
                 {UINT64_C(0x10000000), (size_t)1 << 62},
                 {UINT64_C(0x7fffffffe000), 0x100000}};

TEST_ROWS(mem_unmap, EINVAL, "no range", ROWS(no_ranges))
{
    DESCRIBE("%#llx + %#llx", (unsigned long long)no_ranges[row].addr,
             (unsigned long long)no_ranges[row].len);
    REFUSED(cloudabi_sys_mem_unmap((void *)no_ranges[row].addr, no_ranges[row].len));
}

TEST(mem_unmap, EINVAL, "a length of 0")
{
    char *mem = new_pages(1);

    REFUSED(cloudabi_sys_mem_unmap(mem, 0));
    CHECK(mem[0] == 0);
}

TEST(mem_unmap, ENOMEM, "a hole needs memory")
{
    char *mem = new_pages(100);
    size_t i = 1;

    memset(mem, 7, 100 * PAGE);
    SHORTAGE(cloudabi_sys_mem_unmap(mem + i * PAGE, PAGE), i += 2);
    CHECK(mem[i * PAGE] == 7 && mem[0] == 7);
}

/* --- mem_protect --------------------------------------------------------------------------------------------- */

TEST_ROWS(mem_protect, OK, "a part, and back; the content stays", ROWS(prots))
{
    char *mem = new_pages(3);

    DESCRIBE("prot %u", prots[row]);
    memset(mem, 7, 3 * PAGE);
    OK(cloudabi_sys_mem_protect(mem + PAGE, PAGE, prots[row]));
    CHECK((access_to(mem + PAGE) & WRITE) == (prots[row] & WRITE));
    CHECK((access_to(mem + PAGE) & READ) == (prots[row] != 0 ? READ : 0));
    CHECK(access_to(mem) == (READ | WRITE) && access_to(mem + 2 * PAGE) == (READ | WRITE));
    OK(cloudabi_sys_mem_protect(mem + PAGE, PAGE, READ | WRITE));
    for (size_t i = 0; i < 3 * PAGE; i++)
        CHECK(mem[i] == 7);
}

TEST(mem_protect, OK, "a private mapping of a file that may only be read")
{
    cloudabi_fd_t fd =
        narrowed(file_with("f", "text"), CLOUDABI_RIGHT_FD_READ | CLOUDABI_RIGHT_MEM_MAP, 0);
    char *mem = NULL;

    OK(map(PAGE, READ, PRIVATE, fd, 0, &mem));
    OK(cloudabi_sys_mem_protect(mem, PAGE, READ | WRITE));
    mem[0] = 'T';
}

TEST_ROWS(mem_protect, EACCES, "more than the descriptor allowed", 3)
{
    static const char *const what[] = {"write shared", "execute", "read"};
    const cloudabi_rights_t may_map = CLOUDABI_RIGHT_MEM_MAP, may_read = CLOUDABI_RIGHT_FD_READ;
    cloudabi_fd_t fd = narrowed(file_with("f", "text"), row == 2 ? may_map : may_map | may_read, 0);
    char *mem = NULL;

    DESCRIBE("%s", what[row]);
    OK(map(PAGE, row == 2 ? 0 : READ, row == 1 ? PRIVATE : SHARED, fd, 0, &mem));
    REFUSED(cloudabi_sys_mem_protect(mem, PAGE,
                                     row == 0   ? READ | WRITE
                                     : row == 1 ? READ | EXEC
                                                : READ));
}

TEST_ROWS(mem_protect, ENOTSUP, "a protection that does not exist, or to write and execute",
          ROWS(no_prots))
{
    char *mem = new_pages(1);

    DESCRIBE("%#x", no_prots[row]);
    REFUSED(cloudabi_sys_mem_protect(mem, PAGE, no_prots[row]));
    mem[0] = 1;
}

TEST_ROWS(mem_protect, EINVAL, "no range", ROWS(no_ranges))
{
    DESCRIBE("%#llx + %#llx", (unsigned long long)no_ranges[row].addr,
             (unsigned long long)no_ranges[row].len);
    REFUSED(cloudabi_sys_mem_protect((void *)no_ranges[row].addr, no_ranges[row].len, READ));
}

/* Page N of 3 is not mapped. */
static char *with_hole(unsigned n)
{
    char *mem = new_pages(5);

    memset(mem, 7, 5 * PAGE);
    OK(cloudabi_sys_mem_unmap(mem, PAGE));
    OK(cloudabi_sys_mem_unmap(mem + 4 * PAGE, PAGE));
    OK(cloudabi_sys_mem_unmap(mem + (1 + n) * PAGE, PAGE));
    return mem + PAGE;
}

TEST_ROWS(mem_protect, ENOMEM, "a part is not mapped", 3)
{
    char *mem = with_hole(row);

    DESCRIBE("page %u of 3", row);
    REFUSED(cloudabi_sys_mem_protect(mem, 3 * PAGE, READ));
    mem[row == 0 ? PAGE : 0] = 8; /* nothing has changed */
}

TEST(mem_protect, ENOMEM, "no memory to split")
{
    char *mem = new_pages(100);
    size_t i = 1;

    SHORTAGE(cloudabi_sys_mem_protect(mem + i * PAGE, PAGE, READ), i += 2);
}

/* --- mem_advise ---------------------------------------------------------------------------------------------- */

static const cloudabi_advice_t advices[] = {CLOUDABI_ADVICE_DONTNEED,   CLOUDABI_ADVICE_NOREUSE,
                                            CLOUDABI_ADVICE_NORMAL,     CLOUDABI_ADVICE_RANDOM,
                                            CLOUDABI_ADVICE_SEQUENTIAL, CLOUDABI_ADVICE_WILLNEED};

TEST_ROWS(mem_advise, OK, "changes nothing but DONTNEED, which gives private memory back",
          ROWS(advices))
{
    char *mem = new_pages(4);
    char left = advices[row] == CLOUDABI_ADVICE_DONTNEED ? 0 : 7;

    DESCRIBE("advice %u", advices[row]);
    memset(mem, 7, 4 * PAGE);
    OK(cloudabi_sys_mem_advise(mem + PAGE, 2 * PAGE, advices[row]));
    CHECK(mem[0] == 7 && mem[PAGE] == left && mem[3 * PAGE - 1] == left && mem[3 * PAGE] == 7);
    mem[PAGE] = 1;
    CHECK(mem[PAGE] == 1);
}

TEST(mem_advise, OK, "DONTNEED of shared memory and files loses nothing")
{
    cloudabi_fd_t fd = file_with("f", "text");
    char *mem = NULL, *own = NULL;

    OK(map(PAGE, READ | WRITE, SHARED, fd, 0, &mem));
    OK(map(PAGE, READ | WRITE, PRIVATE, fd, 0, &own));
    mem[0] = 'T';
    own[1] = 'E';
    OK(cloudabi_sys_mem_advise(mem, PAGE, CLOUDABI_ADVICE_DONTNEED));
    OK(cloudabi_sys_mem_advise(own, PAGE, CLOUDABI_ADVICE_DONTNEED));
    CHECK(memcmp(mem, "Text", 4) == 0 && memcmp(own, "Text", 4) == 0);
}

TEST_ROWS(mem_advise, EINVAL, "advice that does not exist", 4)
{
    static const cloudabi_advice_t wrong[] = {0, 7, 100, 255};
    char *mem = new_pages(1);

    mem[0] = 7;
    REFUSED(cloudabi_sys_mem_advise(mem, PAGE, wrong[row]));
    CHECK(mem[0] == 7);
}

TEST_ROWS(mem_advise, EINVAL, "no range", ROWS(no_ranges))
{
    REFUSED(cloudabi_sys_mem_advise((void *)no_ranges[row].addr, no_ranges[row].len,
                                    CLOUDABI_ADVICE_NORMAL));
}

TEST_ROWS(mem_advise, ENOMEM, "a part is not mapped", 3)
{
    char *mem = with_hole(row);

    REFUSED(cloudabi_sys_mem_advise(mem, 3 * PAGE, CLOUDABI_ADVICE_DONTNEED));
    CHECK(mem[row == 0 ? PAGE : 0] == 7);
}

/* --- mem_sync -------------------------------------------------------------------------------------------------- */

static const cloudabi_msflags_t syncs[] = {CLOUDABI_MS_SYNC, CLOUDABI_MS_ASYNC,
                                           CLOUDABI_MS_SYNC | CLOUDABI_MS_INVALIDATE,
                                           CLOUDABI_MS_ASYNC | CLOUDABI_MS_INVALIDATE};

TEST_ROWS(mem_sync, OK, "of any memory; what was stored stays", ROWS(syncs) * 3)
{
    cloudabi_msflags_t flags = syncs[row / 3];
    cloudabi_fd_t fd = file_with("f", "text");
    char *mem = NULL;

    DESCRIBE("flags %u, %s", flags, row % 3 == 0 ? "shared" : row % 3 == 1 ? "private" : "fresh");
    if (row % 3 == 2)
        mem = new_pages(1);
    else
        OK(map(PAGE, READ | WRITE, row % 3 == 0 ? SHARED : PRIVATE, fd, 0, &mem));
    mem[0] = 'T';
    OK(cloudabi_sys_mem_sync(mem, PAGE, flags));
    CHECK(mem[0] == 'T' && (row % 3 != 0 || holds(fd, "Text")));
}

TEST_ROWS(mem_sync, OK, "of a part of a mapping", ROWS(syncs) * 3)
{
    cloudabi_fd_t fd = file_with("f", "text");
    cloudabi_filestat_t stat = {.st_size = 3 * PAGE};
    size_t page = row % 3;
    char *mem = NULL;

    DESCRIBE("flags %u, page %u of 3", syncs[row / 3], (unsigned)page);
    OK(cloudabi_sys_file_stat_fput(fd, &stat, CLOUDABI_FILESTAT_SIZE));
    OK(map(3 * PAGE, READ | WRITE, SHARED, fd, 0, &mem));
    mem[page * PAGE] = 'T';
    OK(cloudabi_sys_mem_sync(mem + page * PAGE, PAGE, syncs[row / 3]));
    CHECK(mem[page * PAGE] == 'T');
}

TEST_ROWS(mem_sync, EINVAL, "flags", 6)
{
    static const cloudabi_msflags_t wrong[] = {0,
                                               CLOUDABI_MS_INVALIDATE,
                                               CLOUDABI_MS_SYNC | CLOUDABI_MS_ASYNC,
                                               CLOUDABI_MS_SYNC | 8,
                                               0x80,
                                               0xff};

    DESCRIBE("%#x", wrong[row]);
    REFUSED(cloudabi_sys_mem_sync(new_pages(1), PAGE, wrong[row]));
}

TEST_ROWS(mem_sync, EINVAL, "no range", ROWS(no_ranges))
{
    REFUSED(
        cloudabi_sys_mem_sync((void *)no_ranges[row].addr, no_ranges[row].len, CLOUDABI_MS_SYNC));
}

TEST_ROWS(mem_sync, ENOMEM, "a part is not mapped", 3)
{
    REFUSED(cloudabi_sys_mem_sync(with_hole(row), 3 * PAGE, CLOUDABI_MS_SYNC));
}
