/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Look-up.
 *
 * The path is taken as a text to be rewritten.  As long as no `..` is left in it, all of it goes to the directory
 * on top of the stack in one request.  While a `..` is still to come, components are walked one at a time, so
 * that the stack holds every place that a `..` may return to; popping the bottom is ENOTCAPABLE.  A symbolic link
 * is answered with its target, which replaces the link's name in the text.  So no service decides where `..` or a
 * link leads, and nothing leaves the directory that was given.
 */
#include "kernel/fd/namei.h"

#include "kernel/fd/nametext.h"
#include "kernel/fd/place.h"
#include "kernel/lib/string.h"
#include "kernel/mm/slab.h"

#define STACK_INLINE 8
#define STACK_MAX    512 /* directories that `..` may return to: more than a path can name */
#define LINKS_MAX    32

/* Lives on the caller's kernel stack: about 2.7 KiB, of which a plain look-up touches a few lines. */
struct lookup {
    struct name_request request;
    struct place *stack; /* inline_stack or allocated */
    unsigned depth, room;
    unsigned links;
    cloudabi_errno_t
        itself; /* what the operation on the directory itself gives; 0: it is performed */
    struct place inline_stack[STACK_INLINE];
    struct name_text text;
    char link[NAME_TARGET_MAX];
};

/* --- the stack ------------------------------------------------------------------------------------------------ */

static cloudabi_errno_t stack_grow(struct lookup *lookup)
{
    if (lookup->room == STACK_MAX)
        return CLOUDABI_ENAMETOOLONG;
    struct place *stack = kmalloc(process_self()->job, STACK_MAX * sizeof(*stack));
    if (stack == NULL)
        return CLOUDABI_ENOMEM;
    memcpy(stack, lookup->stack, lookup->depth * sizeof(*stack));
    lookup->stack = stack;
    lookup->room = STACK_MAX;
    return 0;
}

static cloudabi_errno_t stack_push(struct lookup *lookup, struct place *place)
{
    cloudabi_errno_t error = lookup->depth == lookup->room ? stack_grow(lookup) : 0;
    if (error != 0)
        place_put(place);
    else
        lookup->stack[lookup->depth++] = *place;
    return error;
}

static cloudabi_errno_t stack_pop(struct lookup *lookup)
{
    if (lookup->depth == 1)
        return CLOUDABI_ENOTCAPABLE;
    place_put(&lookup->stack[--lookup->depth]);
    return 0;
}

static struct place *stack_top(struct lookup *lookup)
{
    return &lookup->stack[lookup->depth - 1];
}

/* Continues below the directory that a service has mounted. */
static cloudabi_errno_t cross(struct lookup *lookup)
{
    struct name_request *request = &lookup->request;
    struct place place;
    cloudabi_rights_t inheriting = stack_top(lookup)->inheriting;
    cloudabi_errno_t error = place_of_file(&request->given, &place);
    file_put(request->given.file);
    if (error != 0)
        return error;
    place.inheriting &= inheriting;
    name_text_drop(&lookup->text, request->consumed);
    return stack_push(lookup, &place);
}

/* The link whose name was the last consumed gives way to its target. */
static cloudabi_errno_t follow_link(struct lookup *lookup)
{
    const struct name_request *request = &lookup->request;
    if (++lookup->links > LINKS_MAX)
        return CLOUDABI_ELOOP;
    return name_text_replace(&lookup->text, request->consumed, request->link, request->link_len);
}

/* --- the walk -------------------------------------------------------------------------------------------------- */

/* Sends one step. Repeat while it answers EAGAIN with kind LINK or CROSS handled. */
static cloudabi_errno_t step(struct lookup *lookup, enum port_op op, size_t len, bool *again)
{
    struct name_request *request = &lookup->request;
    enum port_op wanted = request->op;
    request->op = op;
    request->dir = stack_top(lookup);
    request->path = lookup->text.bytes;
    request->len = len;
    request->kind = PORT_REPLY_DONE;
    cloudabi_errno_t error = place_request(request);
    request->op = wanted;
    *again = error == 0 && (request->kind == PORT_REPLY_LINK || request->kind == PORT_REPLY_CROSS);
    if (!*again)
        return error;
    return request->kind == PORT_REPLY_LINK ? follow_link(lookup) : cross(lookup);
}

enum walk {
    WALK_DOTDOT, /* until no `..` is left in the text */
    WALK_PARENT, /* until only the last component is left */
    WALK_ALL,    /* until nothing is left */
};

/* What an operation on a name itself walks: "name/." has no last component that could be meant. */
static enum walk walk_of_name(const struct lookup *lookup, enum walk otherwise)
{
    return lookup->text.ends_dot ? WALK_ALL : otherwise;
}

static bool walks_on(const struct lookup *lookup, enum walk how)
{
    return lookup->text.len > 0 && (how != WALK_DOTDOT || lookup->text.has_dotdot);
}

static cloudabi_errno_t walk(struct lookup *lookup, enum walk how)
{
    while (walks_on(lookup, how)) {
        size_t part = name_text_first(&lookup->text);
        bool again = false;
        cloudabi_errno_t error;
        if (name_text_first_is_dotdot(&lookup->text)) {
            name_text_drop(&lookup->text, part);
            error = stack_pop(lookup);
        } else if (how == WALK_PARENT && part == lookup->text.len) {
            return 0;
        } else {
            uint16_t flags = lookup->request.flags;
            lookup->request.flags = PORT_FLAG_FOLLOW;
            error = step(lookup, PORT_WALK, part, &again);
            lookup->request.flags = flags;
            if (error == 0 && !again) {
                name_text_drop(&lookup->text, part);
                error = stack_push(lookup, &lookup->request.found);
            }
        }
        if (error != 0)
            return error;
    }
    return 0;
}

/* Performs the request's operation on the name. */
static cloudabi_errno_t perform(struct lookup *lookup)
{
    for (;;) {
        bool again;
        enum walk how = lookup->itself != 0 ? walk_of_name(lookup, WALK_DOTDOT) : WALK_DOTDOT;
        cloudabi_errno_t error = walks_on(lookup, how) ? walk(lookup, how) : 0;
        if (error != 0)
            return error;
        if (lookup->text.len == 0 && lookup->itself != 0)
            return lookup->itself;
        if (lookup->text.must_dir)
            lookup->request.flags |= lookup->request.op <= PORT_PUTATTR
                                         ? PORT_FLAG_MUSTDIR | PORT_FLAG_FOLLOW
                                         : PORT_FLAG_MUSTDIR;
        error = step(lookup, lookup->request.op, lookup->text.len, &again);
        if (error != 0 || !again)
            return error;
    }
}

/* After success lookup_end() must follow. */
static cloudabi_errno_t lookup_begin(struct lookup *lookup, const struct fd_grant *dir,
                                     const struct user_path *path, enum port_op op)
{
    if (path->len == 0)
        return CLOUDABI_ENOENT;
    if (path->bytes[0] == '/')
        return CLOUDABI_ENOTCAPABLE;
    memset(&lookup->request, 0,
           offsetof(struct name_request, kind)); /* results come with success */
    lookup->request.op = op;
    lookup->request.job = process_self()->job;
    lookup->request.link = lookup->link;
    lookup->stack = lookup->inline_stack;
    lookup->room = STACK_INLINE;
    lookup->links = 0;
    lookup->itself = 0;
    cloudabi_errno_t error = name_text_set(&lookup->text, path->bytes, path->len);
    if (error == 0)
        error = place_of_file(dir, &lookup->stack[0]);
    lookup->depth = error == 0;
    return error;
}

static void lookup_end(struct lookup *lookup)
{
    while (lookup->depth > 0)
        place_put(&lookup->stack[--lookup->depth]);
    if (lookup->stack != lookup->inline_stack)
        kfree(lookup->stack);
}

static uint16_t follow(cloudabi_lookupflags_t flags)
{
    return (flags & CLOUDABI_LOOKUP_SYMLINK_FOLLOW) != 0 ? PORT_FLAG_FOLLOW : 0;
}

/* --- the operations ------------------------------------------------------------------------------------------- */

cloudabi_errno_t namei_open(const struct fd_grant *dir, const struct user_path *path,
                            const struct open_args *args, struct file **file, struct rights *rights)
{
    struct lookup lookup;
    cloudabi_errno_t error = lookup_begin(&lookup, dir, path, PORT_OPEN);
    if (error != 0)
        return error;
    lookup.request.open = args;
    const cloudabi_oflags_t fresh = CLOUDABI_O_CREAT | CLOUDABI_O_EXCL;
    if ((args->oflags & fresh) != fresh) /* a link is in the way of a new file, wherever it leads */
        lookup.request.flags = follow(args->lookup);
    if ((args->oflags & CLOUDABI_O_DIRECTORY) != 0)
        lookup.text.must_dir = true;
    error = perform(&lookup);
    if (error == 0) {
        *file = lookup.request.file;
        *rights = lookup.request.rights;
    }
    lookup_end(&lookup);
    return error;
}

cloudabi_errno_t namei_stat(const struct fd_grant *dir, const struct user_path *path,
                            cloudabi_lookupflags_t flags, cloudabi_filestat_t *out)
{
    struct lookup lookup;
    cloudabi_errno_t error = lookup_begin(&lookup, dir, path, PORT_STAT);
    if (error != 0)
        return error;
    lookup.request.flags = follow(flags);
    lookup.request.stat = out;
    error = perform(&lookup);
    lookup_end(&lookup);
    return error;
}

cloudabi_errno_t namei_stat_put(const struct fd_grant *dir, const struct user_path *path,
                                cloudabi_lookupflags_t flags, const cloudabi_filestat_t *in,
                                cloudabi_fsflags_t mask)
{
    struct lookup lookup;
    cloudabi_errno_t error = lookup_begin(&lookup, dir, path, PORT_PUTATTR);
    if (error != 0)
        return error;
    lookup.request.flags = follow(flags);
    lookup.request.attr = in;
    lookup.request.mask = mask;
    error = perform(&lookup);
    lookup_end(&lookup);
    return error;
}

/* Operations on one name that answer with nothing. An empty text is the directory itself: ITSELF. */
static cloudabi_errno_t name_operation(const struct fd_grant *dir, const struct user_path *path,
                                       enum port_op op, uint16_t mask,
                                       const struct user_path *target, cloudabi_errno_t itself)
{
    struct lookup lookup;
    cloudabi_errno_t error = lookup_begin(&lookup, dir, path, op);
    if (error != 0)
        return error;
    lookup.request.mask = mask;
    if (target != NULL) {
        lookup.request.target = target->bytes;
        lookup.request.target_len = target->len;
    }
    lookup.itself = itself;
    error = perform(&lookup);
    lookup_end(&lookup);
    return error;
}

cloudabi_errno_t namei_mkdir(const struct fd_grant *dir, const struct user_path *path)
{
    return name_operation(dir, path, PORT_MKDIR, 0, NULL, CLOUDABI_EEXIST);
}

cloudabi_errno_t namei_symlink(const struct fd_grant *dir, const struct user_path *path,
                               const struct user_path *target)
{
    return name_operation(dir, path, PORT_SYMLINK, 0, target, CLOUDABI_EEXIST);
}

cloudabi_errno_t namei_unlink(const struct fd_grant *dir, const struct user_path *path,
                              cloudabi_ulflags_t flags)
{
    return name_operation(dir, path, PORT_UNLINK, flags, NULL, CLOUDABI_EINVAL);
}

cloudabi_errno_t namei_readlink(const struct fd_grant *dir, const struct user_path *path,
                                user_addr_t buf, size_t len, size_t *used)
{
    struct lookup lookup;
    cloudabi_errno_t error = lookup_begin(&lookup, dir, path, PORT_READLINK);
    if (error != 0)
        return error;
    lookup.itself = CLOUDABI_EINVAL;
    error = perform(&lookup);
    if (error == 0) {
        *used = lookup.request.link_len < len ? lookup.request.link_len : len;
        error = copy_to_user(buf, lookup.request.link, *used);
    }
    lookup_end(&lookup);
    return error;
}

/* LINK and RENAME: both names are walked to their parents, then one request holds both. AGAIN: the first was a link
 * to follow, or mounted. */
static cloudabi_errno_t two_names(struct lookup *from, struct lookup *to, bool *again)
{
    *again = false;
    cloudabi_errno_t error = walk(from, walk_of_name(from, WALK_PARENT));
    if (error == 0)
        error = walk(to, walk_of_name(to, WALK_PARENT));
    if (error != 0)
        return error;
    if (from->text.len == 0 || to->text.len == 0)
        return CLOUDABI_EINVAL;
    const struct place *a = stack_top(from), *b = stack_top(to);
    if (a->node == NULL || b->node == NULL)
        return a->node == b->node ? CLOUDABI_EROFS : CLOUDABI_EXDEV;
    if (a->node->port != b->node->port)
        return CLOUDABI_EXDEV;
    from->request.dir2 = stack_top(to);
    from->request.target = to->text.bytes;
    from->request.target_len = to->text.len;
    if (from->text.must_dir || to->text.must_dir)
        from->request.flags |= PORT_FLAG_MUSTDIR;
    return step(from, from->request.op, from->text.len, again);
}

static cloudabi_errno_t two_name_operation(const struct fd_grant *dir1,
                                           const struct user_path *path1, uint16_t flags,
                                           const struct fd_grant *dir2,
                                           const struct user_path *path2, enum port_op op)
{
    struct lookup from, to;
    cloudabi_errno_t error = lookup_begin(&from, dir1, path1, op);
    if (error != 0)
        return error;
    error = lookup_begin(&to, dir2, path2, op);
    if (error != 0)
        goto out;
    from.request.flags = flags;
    bool again;
    do {
        error = two_names(&from, &to, &again);
    } while (error == 0 && again);
    lookup_end(&to);
out:
    lookup_end(&from);
    return error;
}

cloudabi_errno_t namei_link(const struct fd_grant *from, const struct user_path *path1,
                            cloudabi_lookupflags_t flags, const struct fd_grant *to,
                            const struct user_path *path2)
{
    return two_name_operation(from, path1, follow(flags), to, path2, PORT_LINK);
}

cloudabi_errno_t namei_rename(const struct fd_grant *from, const struct user_path *path1,
                              const struct fd_grant *to, const struct user_path *path2)
{
    return two_name_operation(from, path1, 0, to, path2, PORT_RENAME);
}
