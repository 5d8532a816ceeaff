/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pseudo-descriptor protocol: what the kernel and a service share.
 *
 * fd_create2(PORT_FILETYPE) gives (port, root).  The holder of the port serves every name below root.  It maps
 * the port's region once (mem_map SHARED, offset 0), then fd_read(port, NULL, 0) delivers the replies it has
 * written and waits for requests; fd_write(port, NULL, 0) only delivers; poll for reading delivers too.
 *
 * Both sides keep their own copy of every index they produce or consume; what the other side writes is read
 * once and checked.  An impossible value from the service is a violation: its serving ends, its clients get
 * EIO.  Indexes are free-running u32; publish with release, read with acquire.
 *
 * See docs/pseudofd.md for the states; this file is the only definition of layouts and numbers.
 */
#ifndef PSEUDOFD_PROTO_PORT_H
#define PSEUDOFD_PROTO_PORT_H

#include <stddef.h>
#include <stdint.h>

#define PORT_FILETYPE 0xE0u
#define PORT_MAGIC    0x74726f5061726573ull /* "seraPort" */
#define PORT_VERSION  1u

#define PORT_SLOTS      64u
#define PORT_COMMANDS   64u
#define PORT_PAYLOAD    16384u /* bytes of payload of one slot */
#define PORT_COOKIE_MAX 64u
#define PORT_PATH_MAX   1023u
#define PORT_CHANNELS   4096u
#define PORT_RING_MAX   65536u /* bytes of one direction of a channel */
#define PORT_ROOT_NODE  1ull   /* valid in every instance of the service, without a cookie */

/* Region layout, in bytes from its start. */
#define PORT_HEADER_OFFSET  0x0000u
#define PORT_COMMAND_OFFSET 0x1000u
#define PORT_SLOT_OFFSET    0x2000u
#define PORT_CONTROL_OFFSET 0x8000u /* channel controls: 4096 x 64 */
#define PORT_PAYLOAD_OFFSET 0x100000u
#define PORT_CHANNEL_OFFSET 0x200000ull
#define PORT_REGION_SMALL   PORT_CHANNEL_OFFSET /* enough for a service without streams */
#define PORT_REGION_SIZE    (PORT_CHANNEL_OFFSET + PORT_CHANNELS * 2ull * PORT_RING_MAX)

enum port_op {
    PORT_OP_NONE,
    /* Names: (node, path). The reply is NODE, FD, LINK or CROSS, or attributes. */
    PORT_OPEN,    /* oflags, fdflags, rights wanted; reply: NODE / FD / LINK / CROSS */
    PORT_WALK,    /* reply: NODE of a directory / LINK / CROSS */
    PORT_STAT,    /* reply: attr, node (0 if it has none to overlay) / LINK / CROSS */
    PORT_PUTATTR, /* mask in a, attr; reply as STAT */
    PORT_MKDIR,
    PORT_SYMLINK,  /* target in the payload behind the path */
    PORT_UNLINK,   /* a: 1 = remove a directory */
    PORT_READLINK, /* reply: target in the payload, len */
    PORT_LINK,     /* node/path = source parent and name, node2/path2 = new parent and name */
    PORT_RENAME,
    /* Nodes. */
    PORT_GETATTR,
    PORT_SETATTR, /* mask in a, attr; size = truncate */
    PORT_READDIR, /* a = cookie, len = room; reply: whole records (cloudabi_dirent + name), flags END */
    PORT_READ,  /* a = offset, len; reply: payload, len */
    PORT_WRITE, /* a = offset, payload; reply: len taken */
    PORT_SYNC, /* a: 1 = data only; a paged node with pager: b = size, time = mtime, node2 = atime */
    PORT_REOPEN, /* cookie in the payload; reply NODE or ESTALE */
    /* Pagers: PAGED nodes whose OPEN reply had PORT_REPLY_PAGER. Sent by the kernel only. Offsets and lengths are
     * whole pages. */
    PORT_PAGE_IN, /* a = offset, len = bytes (the rest of them read ahead); reply: EXTENTS or DATA for a prefix */
    PORT_PAGE_OUT, /* a = offset, len = bytes, b = size, time = mtime, node2 = atime; reply: EXTENTS or DATA, for a
                      prefix; flag WROTE asks for that request */
    PORT_RESERVE, /* a = offset, b = bytes that shall be writable; reply: a = bytes granted from there. ENOSPC */
    PORT_WROTE, /* a = offset, len = bytes of a PAGE_OUT that are on the device, b = errno of the write */
    /* Posted: answered like the others, but nobody waits. */
    PORT_FORGET, /* a = number of references given back */
    PORT_OPS
};

#define PORT_FLAG_FOLLOW  1u /* follow a final symbolic link */
#define PORT_FLAG_MUSTDIR 2u /* the path had a trailing slash: the result must be a directory */
#define PORT_FLAG_SEGMENTS \
    4u /* READ, WRITE of a block device on a DMA port: the payload holds b struct port_segment, len bytes in all */

#define PORT_FLAG_RETRY \
    8u /* PAGE_IN, PAGE_OUT again: what was answered before could not be reached */

#define PORT_EXTENTS_MAX  64u
#define PORT_SEGMENTS_MAX 64u
#define PORT_PAGES_MAX    64u /* of one PAGE_IN or PAGE_OUT */
#define PORT_HOLE         UINT64_MAX

struct port_extent { /* of a reply EXTENTS: they follow each other in the file */
    uint64_t offset; /* in the device, bytes, a multiple of 512; PORT_HOLE: reads as zeros */
    uint64_t len;    /* bytes, a multiple of 512 */
};

struct port_segment { /* memory for the device, pinned until the reply */
    uint64_t bus;
    uint32_t len, unused;
};

enum port_kind {                  /* what a reply to a name operation says */
                 PORT_REPLY_DONE, /* the operation was performed */
                 PORT_REPLY_NODE, /* OPEN, WALK, REOPEN: node, form, attributes, cookie */
                 PORT_REPLY_FD,   /* OPEN: descriptor fd[0] of the service */
                 PORT_REPLY_LINK, /* stopped at a symbolic link: consumed, target in the payload, len */
                 PORT_REPLY_CROSS, /* stopped at a mounted descriptor: consumed, fd[0] */
                 PORT_REPLY_EXTENTS, /* pagers: places on the device fd[0] (-1 if all are holes), in the payload:
                                        struct port_extent, len bytes of them */
                 PORT_REPLY_DATA, /* pagers: the bytes lie (or shall lie) at address a of the service, len of them */
                 PORT_REPLY_KINDS
};

enum port_form { /* what an opened node is */
                 PORT_FORM_DIRECTORY,
                 PORT_FORM_PAGED,     /* a regular file: data in a memory object of the kernel */
                 PORT_FORM_SYNTHETIC, /* content made per call by READ and WRITE */
                 PORT_FORM_STREAM,    /* channel number in a */
                 PORT_FORMS
};

/* Reply flags. */
#define PORT_REPLY_END 1u /* READDIR: nothing follows */
#define PORT_REPLY_KEEP \
    2u /* PAGED without pager: the pages live until REVOKE, not until the last close */
#define PORT_REPLY_CREATED  4u  /* OPEN made the file */
#define PORT_REPLY_NOTREADY 8u  /* SYNTHETIC: not ready for reading until READY says so */
#define PORT_REPLY_PAGER    16u /* PAGED: pages come from and go to the service (PORT_PAGE_IN ...) */
#define PORT_REPLY_WROTE    32u /* PAGE_OUT: tell when the data is on the device (PORT_WROTE) */
#define PORT_REPLY_FIXED    64u /* PAGED without pager: its size never changes (RAM disks) */

/* Ready events of synthetic files, also the channel events. */
#define PORT_EVENT_READ   1u
#define PORT_EVENT_WRITE  2u
#define PORT_EVENT_HANGUP 4u

struct port_attr {
    uint64_t ino, size, atim, mtim, ctim;
    uint32_t nlink;
    uint8_t type; /* cloudabi_filetype_t */
    uint8_t unused[3];
};

/* The first half is all that operations on nodes need: the kernel fills the rest only for PORT_OPEN to
 * PORT_SETATTR, and what an earlier request left there means nothing. */
struct port_request {
    uint64_t tag; /* generation << 32 | slot */
    uint16_t op, flags;
    uint32_t len; /* bytes wanted, or bytes of payload behind the paths */
    uint64_t node;
    uint64_t a, b;
    uint16_t path_len, path2_len; /* in the payload: path, path2, then data */
    uint16_t oflags, fdflags;
    uint64_t time;                      /* realtime ns, for the times that the operation sets */
    uint64_t node2;                     /* LINK, RENAME */
    uint64_t rights, rights_inheriting; /* OPEN: what is asked; b: what the directory passes on */
    struct port_attr attr;              /* PUTATTR, SETATTR */
};

#define PORT_REQUEST_SHORT 64u /* bytes: up to and with node2 */

/* The attributes matter only in replies to PORT_OPEN to PORT_SETATTR and PORT_REOPEN; of others the kernel does not
 * read them. */
struct port_reply {
    uint64_t tag;
    uint16_t error; /* cloudabi_errno_t; 0 = fine */
    uint8_t kind, form;
    uint32_t flags;
    uint64_t node;
    uint32_t len;        /* bytes of payload, or bytes taken */
    uint16_t consumed;   /* LINK, CROSS: bytes of the path up to and with the component */
    uint16_t cookie_len; /* in the payload (NODE of a directory) */
    uint64_t a, b;
    int32_t fd[2];
    struct port_attr attr;
};

struct port_slot {
    struct port_request request;
    struct port_reply reply;
    uint8_t pad[128 - sizeof(struct port_reply)];
};

enum port_command_op {
    PORT_CMD_NONE,
    PORT_CMD_READY,  /* node, a = PORT_EVENT_* now true (level) */
    PORT_CMD_KICK,   /* a = channel: its control has changed and the kernel asked to be told */
    PORT_CMD_ABORT,  /* a = channel, b = errno for the client's next call */
    PORT_CMD_RESIZE, /* node, a = size (paged nodes) */
    PORT_CMD_INVAL,  /* node, a = offset, b = length: drop clean pages */
    PORT_CMD_REVOKE, /* node: its object goes; descriptors give EIO */
    PORT_CMD_MINT, /* make a descriptor for (form, node or channel a, type, rights): result in fd */
    PORT_CMD_RELEASE, /* a = channel that the service is done with: its ring pages go. Use it again only after that */
    /* fd = the claim of a PCI function: from now on READ and WRITE of block devices carry segments. When the serving
     * ends, so does the claim. a = PORT_STOP_AT(bar, offset) of a register of one byte that stops the device for good
     * when 0 is written to it, and then reads 0; else PORT_STOP_NONE */
    PORT_CMD_DMA,
    PORT_CMD_TRIM, /* a = channel: those pages of its rings go that hold nothing */
    PORT_CMD_OPS
};

#define PORT_STOP_NONE            UINT64_MAX
#define PORT_STOP_AT(bar, offset) ((uint64_t)(bar) << 32 | (uint32_t)(offset))

struct port_command {
    uint16_t op;
    uint8_t form, type; /* MINT */
    int32_t fd;         /* MINT, out: descriptor of the service */
    uint16_t error;     /* out: 0 or errno */
    uint16_t unused[3];
    uint64_t node;
    uint64_t a, b;
    uint64_t rights, rights_inheriting;
    uint64_t unused2;
};

/* Index pairs: `head` is the consumer's, `tail` the producer's. On different lines of the cache. */
struct port_header {
    uint64_t magic;
    uint32_t version;
    uint32_t slots;
    uint64_t region_size;
    uint8_t pad0[40];
    /* written by the kernel */
    uint32_t req_tail, rep_head, cmd_head;
    uint32_t flush_pending_any;
    uint64_t flush_pending; /* bit per slot whose caller is gone: answer it soon, with anything */
    uint64_t channel_any;   /* bit per word of channel_pending; the service exchanges both with 0 */
    uint8_t pad1[32];
    /* written by the service */
    uint32_t req_head, rep_tail, cmd_tail;
    uint8_t pad2[52];
    uint32_t req[PORT_SLOTS]; /* slot numbers */
    uint32_t rep[PORT_SLOTS];
    uint64_t channel_pending[PORT_CHANNELS / 64];
};

/* One byte stream between a client's descriptor and the service.  `in` runs to the service, `out` to the
 * client.  Ring bytes of channel n lie at PORT_CHANNEL_OFFSET + n * 2 * PORT_RING_MAX, `in` first. */
struct port_channel {
    /* kernel's side (acting for the client) */
    uint32_t in_tail, out_head;
    uint32_t client_flags; /* PORT_CLIENT_* */
    uint32_t client_waits; /* PORT_EVENT_*: kick me when there is data (READ) or room (WRITE) */
    uint8_t pad1[16];
    /* service's side */
    uint32_t in_head, out_tail;
    uint32_t server_flags; /* PORT_SERVER_* */
    uint32_t server_waits; /* PORT_EVENT_*: tell me when there is data (READ) or room (WRITE) */
    uint32_t in_size,
        out_size;      /* powers of two, 4096 to PORT_RING_MAX; set before OPEN's reply or MINT */
    uint32_t in_limit; /* the client may have so many bytes in the ring; 0: as many as fit */
    uint8_t pad2[4];
};

#define PORT_CLIENT_SHUT_WRITE 1u /* no more bytes come in */
#define PORT_CLIENT_SHUT_READ  2u /* nobody reads out any more */
#define PORT_CLIENT_CLOSED     4u /* the last descriptor is gone: the service may RELEASE the channel */
#define PORT_SERVER_EOF        1u /* no more bytes go out: the client reads 0 after the rest */
#define PORT_SERVER_SHUT_READ  2u /* the service reads no more: the client's writes give EPIPE */

_Static_assert(sizeof(struct port_attr) == 48, "layout");
_Static_assert(sizeof(struct port_request) == 128, "layout");
_Static_assert(offsetof(struct port_request, rights) == PORT_REQUEST_SHORT, "layout");
_Static_assert(sizeof(struct port_slot) == 256, "layout");
_Static_assert(sizeof(struct port_command) == 64, "layout");
_Static_assert(sizeof(struct port_channel) == 64, "layout");
_Static_assert(sizeof(struct port_header) <= 4096, "layout");

#endif
