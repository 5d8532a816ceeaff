#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Merges the two writable segments of an executable into one, in place, as older linkers laid them out."""

import struct
import sys

PHDR = struct.Struct("<IIQQQQQQ")
LOAD, WRITE = 1, 2


def main(path):
    with open(path, "rb") as f:
        image = bytearray(f.read())
    start, count = struct.unpack_from("<Q", image, 32)[0], struct.unpack_from("<H", image, 56)[0]
    headers = [list(PHDR.unpack_from(image, start + i * PHDR.size)) for i in range(count)]
    writable = [h for h in headers if h[0] == LOAD and h[1] & WRITE]
    if len(writable) != 2:
        sys.exit(f"{path}: {len(writable)} writable segments, not two")
    first, second = writable
    if second[2] - first[2] != second[3] - first[3]:
        sys.exit(f"{path}: writable segments that do not follow each other in the file")
    apart = second[3] - first[3]
    first[5], first[6] = apart + second[5], apart + second[6]
    headers.remove(second)
    headers.append([0] * 8)
    for i, header in enumerate(headers):
        PHDR.pack_into(image, start + i * PHDR.size, *header)
    struct.pack_into("<H", image, 56, count - 1)
    with open(path, "r+b") as f:
        f.write(image)


main(sys.argv[1])
