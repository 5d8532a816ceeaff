# SPDX-License-Identifier: BSD-2-Clause
"""The boot archive, which the kernel serves read-only as boot/.

Little endian: "TESSBOOT", u32 version 1, u32 count; then per file 128 bytes: char name[96], u64 offset, u64 size,
u64 reserved[2]. Offsets are multiples of 4096 from the start of the archive; file data are padded with zeros to 4096,
so that the kernel can map the frames as they are.
"""

import struct

MAGIC = b"TESSBOOT"
VERSION = 1
PAGE = 4096
HEADER = struct.Struct("<8sII")
ENTRY = struct.Struct("<96sQQ16x")


def _round(size):
    return (size + PAGE - 1) // PAGE * PAGE


def check_name(name):
    """ValueError unless NAME can be a name in an archive."""
    parts = name.split("/")
    if not 1 <= len(name.encode()) <= 95 or any(p in ("", ".", "..") for p in parts):
        raise ValueError(f"not a name for the boot archive: '{name}'")


def pack(files):
    """The bytes of an archive of FILES, a map from names to contents."""
    table, data = [], bytearray()
    start = _round(HEADER.size + ENTRY.size * len(files))
    for name, content in sorted(files.items()):
        check_name(name)
        table.append(ENTRY.pack(name.encode(), start + len(data), len(content)))
        data += content + bytes(_round(len(content)) - len(content))
    head = HEADER.pack(MAGIC, VERSION, len(files)) + b"".join(table)
    return head + bytes(start - len(head)) + bytes(data)


def unpack(archive):
    """The files of an archive, as a map from names to contents; ValueError if it is malformed."""
    if len(archive) < HEADER.size:
        raise ValueError("too short for a boot archive")
    magic, version, count = HEADER.unpack_from(archive)
    if magic != MAGIC or version != VERSION:
        raise ValueError("not a boot archive of version 1")
    if HEADER.size + count * ENTRY.size > len(archive):
        raise ValueError("the table is cut off")
    files = {}
    for i in range(count):
        name, offset, size = ENTRY.unpack_from(archive, HEADER.size + i * ENTRY.size)
        if offset % PAGE or offset + size > len(archive):
            raise ValueError(f"entry {i} lies outside the archive")
        files[name.rstrip(b"\0").decode()] = archive[offset:offset + size]
    return files
