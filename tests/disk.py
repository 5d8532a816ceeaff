# SPDX-License-Identifier: BSD-2-Clause
"""Disk images for tests, made from nothing: the layouts that `make(path, kind)` knows.

  mbr    16 MiB: partitions 1 and 2, and in an extended one 5 and 6
  gpt    16 MiB: partitions 1 and 3
  blank  16 MiB of zeros

Each partition's first sector says which one it is: "partition N of KIND".
"""

import binascii
import struct
import uuid

SECTOR = 512
SECTORS = 16 << 11
LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")

# number: (start, sectors)
MBR = {1: (2048, 8192), 2: (10240, 2048), 5: (12352, 4032), 6: (16448, 8128)}
GPT = {1: (2048, 8192), 3: (10240, 16384)}


def mbr_sector(entries):
    """A table of (type, start, sectors) entries."""
    out = bytearray(SECTOR)
    for i, (kind, start, sectors) in enumerate(entries):
        struct.pack_into("<B3xB3xII", out, 446 + 16 * i, 0, kind, start, sectors)
    out[510:512] = b"\x55\xaa"
    return bytes(out)


def put(image, sector, data):
    image.seek(sector * SECTOR)
    image.write(data)


def make_mbr(image):
    extended = 12288
    put(image, 0, mbr_sector([(0x83, *MBR[1]), (0x82, *MBR[2]), (0x05, extended, 16384)]))
    second = 16384
    put(image, extended, mbr_sector([(0x83, MBR[5][0] - extended, MBR[5][1]), (0x05, second - extended, 8192)]))
    put(image, second, mbr_sector([(0x83, MBR[6][0] - second, MBR[6][1])]))


def gpt_header(at, other, table, crc):
    def pack(header_crc):
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, header_crc, 0, at, other, 34, SECTORS - 34,
                           uuid.UUID(int=1).bytes_le, table, 128, 128, crc)
    return pack(binascii.crc32(pack(0)))


def make_gpt(image):
    table = bytearray(128 * 128)
    for number, (start, sectors) in GPT.items():
        struct.pack_into("<16s16sQQ", table, 128 * (number - 1), LINUX.bytes_le, uuid.UUID(int=number).bytes_le, start,
                         start + sectors - 1)
    crc = binascii.crc32(bytes(table))
    put(image, 0, mbr_sector([(0xee, 1, SECTORS - 1)]))
    for at, other, entries in ((1, SECTORS - 1, 2), (SECTORS - 1, 1, SECTORS - 33)):
        put(image, at, gpt_header(at, other, entries, crc))
        put(image, entries, table)


def make(path, kind):
    """Writes a fresh image of KIND to PATH."""
    with open(path, "wb") as image:
        image.truncate(SECTORS * SECTOR)
        if kind == "mbr":
            make_mbr(image)
        elif kind == "gpt":
            make_gpt(image)
        elif kind != "blank":
            raise ValueError(f"no kind of disk: {kind}")
        for number, (start, _) in {"mbr": MBR, "gpt": GPT, "blank": {}}[kind].items():
            put(image, start, b"partition %d of %s" % (number, kind.encode()))
