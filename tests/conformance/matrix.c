/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The refusal matrix: for each right that a call needs of a descriptor (refusals.h, made from the definition), the
 * call is made with
 *   - all rights that the object has, less any one: refused if and only if the call needs that one,
 *   - exactly the rights that it needs, and with them any other one: not refused,
 *   - no rights: refused.
 * "Refused" is ENOTCAPABLE; otherwise the call may do what it likes, but not say that. A call that the definition
 * gains does not compile until attempt_CALL says how to make it.
 */
#include "tests/conformance/matrix.h"

#include "abi/refusals.h"
#include "tests/conformance/call.h"
#include "tests/conformance/suite.h"

struct object {
    cloudabi_fd_t fd,
        helper;              /* helper: a directory with all rights, or the other end of a socket */
    unsigned position;       /* of the descriptor among the inputs */
    cloudabi_rights_t right; /* the right that the row is about: which conditions to fulfil */
};

/* --- how each call is made on a descriptor --------------------------------------------------------- */

#define AT(fd_) ((cloudabi_lookup_t){.fd = (fd_)})

static cloudabi_errno_t attempt_fd_datasync(const struct object *o)
{
    return cloudabi_sys_fd_datasync(o->fd);
}

static cloudabi_errno_t attempt_fd_pread(const struct object *o)
{
    char byte;

    return get_at(o->fd, &byte, 1, 0, &(size_t){0});
}

static cloudabi_errno_t attempt_fd_pwrite(const struct object *o)
{
    return put_at(o->fd, "x", 1, 0);
}

static cloudabi_errno_t attempt_fd_read(const struct object *o)
{
    char byte;

    return get(o->fd, &byte, 1, &(size_t){0});
}

static cloudabi_errno_t attempt_fd_write(const struct object *o)
{
    return put(o->fd, "x", 1, &(size_t){0});
}

static cloudabi_errno_t attempt_fd_seek(const struct object *o)
{
    if (o->right == CLOUDABI_RIGHT_FD_TELL)
        return seek(o->fd, 0, CLOUDABI_WHENCE_CUR, &(uint64_t){0});
    return seek(o->fd, 1, CLOUDABI_WHENCE_SET, &(uint64_t){0});
}

static cloudabi_errno_t attempt_fd_stat_put(const struct object *o)
{
    return set_flags(o->fd, 0);
}

static cloudabi_errno_t attempt_fd_sync(const struct object *o)
{
    return cloudabi_sys_fd_sync(o->fd);
}

static cloudabi_errno_t attempt_file_advise(const struct object *o)
{
    return cloudabi_sys_file_advise(o->fd, 0, 1, CLOUDABI_ADVICE_NORMAL);
}

static cloudabi_errno_t attempt_file_allocate(const struct object *o)
{
    return cloudabi_sys_file_allocate(o->fd, 0, 1);
}

static cloudabi_errno_t attempt_file_create(const struct object *o)
{
    return make_dir(o->fd, "made");
}

static cloudabi_errno_t attempt_file_link(const struct object *o)
{
    cloudabi_fd_t from = o->position == 0 ? o->fd : o->helper;
    cloudabi_fd_t to = o->position == 0 ? o->helper : o->fd;

    return cloudabi_sys_file_link(AT(from), "file", 4, to, "linked", 6);
}

static cloudabi_errno_t attempt_file_open(const struct object *o)
{
    bool create = o->right == CLOUDABI_RIGHT_FILE_CREATE_FILE;
    cloudabi_fd_t fd;
    cloudabi_errno_t error = open_how(o->fd, 0, create ? "created" : "file",
                                      create ? CLOUDABI_O_CREAT : 0, 0, 0, 0, &fd);

    if (error == 0)
        OK(cloudabi_sys_fd_close(fd));
    return error;
}

static cloudabi_errno_t attempt_file_readdir(const struct object *o)
{
    char buf[100];

    return cloudabi_sys_file_readdir(o->fd, buf, sizeof(buf), CLOUDABI_DIRCOOKIE_START,
                                     &(size_t){0});
}

static cloudabi_errno_t attempt_file_readlink(const struct object *o)
{
    char buf[10];

    return readlink_at(o->fd, "link", buf, sizeof(buf), &(size_t){0});
}

static cloudabi_errno_t attempt_file_rename(const struct object *o)
{
    cloudabi_fd_t from = o->position == 0 ? o->fd : o->helper;
    cloudabi_fd_t to = o->position == 0 ? o->helper : o->fd;

    return cloudabi_sys_file_rename(from, "other", 5, to, "other", 5);
}

static cloudabi_errno_t attempt_file_stat_fget(const struct object *o)
{
    return cloudabi_sys_file_stat_fget(o->fd, &(cloudabi_filestat_t){0});
}

static cloudabi_errno_t attempt_file_stat_fput(const struct object *o)
{
    bool size = o->right == CLOUDABI_RIGHT_FILE_STAT_FPUT_SIZE;
    cloudabi_filestat_t stat = {.st_size = 10};

    return cloudabi_sys_file_stat_fput(o->fd, &stat,
                                       size ? CLOUDABI_FILESTAT_SIZE : CLOUDABI_FILESTAT_MTIM_NOW);
}

static cloudabi_errno_t attempt_file_stat_get(const struct object *o)
{
    return stat_at(o->fd, "file", 0, &(cloudabi_filestat_t){0});
}

static cloudabi_errno_t attempt_file_stat_put(const struct object *o)
{
    return cloudabi_sys_file_stat_put(AT(o->fd), "file", 4, &(cloudabi_filestat_t){0},
                                      CLOUDABI_FILESTAT_MTIM_NOW);
}

static cloudabi_errno_t attempt_file_symlink(const struct object *o)
{
    return symlink_at(o->fd, "file", "symlink");
}

static cloudabi_errno_t attempt_file_unlink(const struct object *o)
{
    return unlink_at(o->fd, "missing");
}

static cloudabi_errno_t attempt_mem_map(const struct object *o)
{
    cloudabi_mprot_t prot = 0;
    cloudabi_mflags_t flags = CLOUDABI_MAP_PRIVATE;
    char *mem;

    if (o->right == CLOUDABI_RIGHT_FD_READ)
        prot = READ;
    else if (o->right == CLOUDABI_RIGHT_MEM_MAP_EXEC)
        prot = EXEC;
    else if (o->right == CLOUDABI_RIGHT_FD_WRITE) {
        prot = WRITE;
        flags = CLOUDABI_MAP_SHARED;
    }
    cloudabi_errno_t error = map(PAGE, prot, flags, o->fd, 0, &mem);
    if (error == 0)
        OK(cloudabi_sys_mem_unmap(mem, PAGE));
    return error;
}

/* With the right it must not really happen: too much argument data. */
static cloudabi_errno_t attempt_proc_exec(const struct object *o)
{
    return cloudabi_sys_proc_exec(o->fd, "", SIZE_MAX / 2, NULL, 0);
}

static cloudabi_errno_t attempt_sock_recv(const struct object *o)
{
    char byte;

    return receive(o->fd, &byte, 1, NULL, 0, 0, &(cloudabi_recv_out_t){0});
}

static cloudabi_errno_t attempt_sock_send(const struct object *o)
{
    return send_to(o->fd, "x", 1, NULL, 0, &(size_t){0});
}

static cloudabi_errno_t attempt_sock_shutdown(const struct object *o)
{
    return cloudabi_sys_sock_shutdown(o->fd, CLOUDABI_SHUT_WR);
}

/* --- the rows ------------------------------------------------------------------------------------------ */

struct row {
    const char *call;
    unsigned position;
    cloudabi_rights_t right, needed;
    cloudabi_errno_t (*attempt)(const struct object *);
};

#define ROW(call, position, name, right, needed, condition) \
    {"@pair " #call " ENOTCAPABLE", position, right, needed, attempt_##call},
static const struct row rows[] = {CLOUDABI_REFUSALS(ROW)};

#define RIGHT_NAME(name, value) {value, #name},
static const struct {
    cloudabi_rights_t right;
    const char *name;
} right_names[] = {CLOUDABI_ALL_RIGHTS(RIGHT_NAME)};

static const char *right_name(cloudabi_rights_t right)
{
    for (size_t i = 0; i < ROWS(right_names); i++)
        if (right_names[i].right == right)
            return right_names[i].name;
    return "?";
}

/* What the conditions of other rows add: a mapping that may be written or executed is one that may be read. */
static cloudabi_rights_t needed_in(const struct row *row)
{
    bool maps = row->attempt == attempt_mem_map;

    return row->needed |
           (maps && row->right != CLOUDABI_RIGHT_MEM_MAP ? CLOUDABI_RIGHT_FD_READ : 0);
}

/* An object that can have the rights of the row. */
static void make_object(const struct row *row, struct object *object)
{
    cloudabi_fd_t pair[2];
    cloudabi_rights_t sock = UINT64_C(0x801008004a);
    cloudabi_fd_t file = file_with("file", "0123456789");

    object->helper = dir;
    object->position = row->position;
    object->right = row->right;
    OK(symlink_at(dir, "file", "link"));
    if (strncmp(row->call, "@pair sock_", 11) == 0) {
        new_pair(CLOUDABI_FILETYPE_SOCKET_STREAM, pair);
        OK(set_flags(pair[0], CLOUDABI_FDFLAG_NONBLOCK));
        object->fd = pair[0];
        CHECK((row->needed & ~sock) == 0);
    } else if ((row->needed & ~FILE_BASE) == 0) {
        object->fd = file;
    } else {
        OK(cloudabi_sys_fd_dup(dir, &object->fd));
    }
}

/* One cell: the call on a descriptor with just these rights. */
static void cell(const struct row *row, struct object *object, cloudabi_rights_t rights,
                 const char *how, cloudabi_rights_t which)
{
    struct object copy = *object;
    bool refused = (needed_in(row) & ~rights) != 0;

    DESCRIBE("%s of input %u: %s %s", right_name(row->right), row->position, how,
             right_name(which));
    copy.fd = narrowed(object->fd, rights, 0);
    bool is_refusal = row->attempt(&copy) == CLOUDABI_ENOTCAPABLE;
    CHECK(is_refusal == refused);
    OK(cloudabi_sys_fd_close(copy.fd));
}

static struct test tests[ROWS(rows)];

static void run_matrix(unsigned unused)
{
    const struct row *row = &rows[running - tests];
    struct object object;

    (void)unused;
    make_object(row, &object);
    cloudabi_rights_t all = rights_of(object.fd), needed = needed_in(row);
    CHECK((needed & ~all) == 0);
    cell(row, &object, 0, "without all", 0);
    cell(row, &object, needed, "exactly with", row->right);
    for (size_t i = 0; i < ROWS(right_names); i++) {
        cloudabi_rights_t right = right_names[i].right;
        if ((all & right) == 0)
            continue;
        cell(row, &object, all & ~right, "without", right);
        cell(row, &object, needed | right, "and with", right);
        cell(row, &object, right, "only with", right);
    }
    object.fd = narrowed(object.fd, all & ~row->right, 0);
    REFUSED(row->attempt(&object));
    DESCRIBE("%s of input %u", right_name(row->right), row->position);
}

__attribute__((constructor)) static void register_rows(void)
{
    for (size_t i = 0; i < ROWS(rows); i++) {
        tests[i] =
            (struct test){rows[i].call, MATRIX_MARK, CLOUDABI_ENOTCAPABLE, 1, run_matrix, NULL};
        suite_register(&tests[i]);
    }
}
