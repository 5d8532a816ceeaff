#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""check.py DEFINITION VDSO: read the vDSO as a program's start-up code does, and as strictly.

The code looks at the program headers, PT_DYNAMIC, DT_HASH, DT_STRTAB and DT_SYMTAB only, and takes
functions named cloudabi_sys_*. All addresses are relative to the ELF header."""

import os
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from generator import parse  # noqa: E402

PT_LOAD, PT_DYNAMIC, DT_NEEDED, DT_RELA, DT_REL, DT_JMPREL = 1, 2, 1, 7, 17, 23
DT_HASH, DT_STRTAB, DT_SYMTAB = 4, 5, 6
MAX_SIZE = 8192


def program_headers(image):
    offset, = struct.unpack_from('<Q', image, 32)
    count, = struct.unpack_from('<H', image, 56)
    for index in range(count):
        yield struct.unpack_from('<IIQQQQQQ', image, offset + 56 * index)


def dynamic_entries(image):
    address = next(header[3] for header in program_headers(image) if header[0] == PT_DYNAMIC)
    entries = {}
    while True:
        tag, value = struct.unpack_from('<QQ', image, address)
        if tag == 0:
            return entries
        entries[tag] = value
        address += 16


def functions(image):
    entries = dynamic_entries(image)
    _, count = struct.unpack_from('<II', image, entries[DT_HASH])
    for index in range(count):
        name, info, other, _, value, size = struct.unpack_from('<IBBHQQ', image,
                                                               entries[DT_SYMTAB] + 24 * index)
        if info == (1 << 4 | 2) and other == 0 and name:
            start = entries[DT_STRTAB] + name
            yield image[start:image.index(b'\0', start)].decode(), value, size


def problems(definition, image):
    for kind, _, offset, address, _, file_size, memory_size, _ in program_headers(image):
        if offset != address or file_size != memory_size or address + memory_size > len(image):
            yield 'a segment of kind %d does not lie in memory as in the file' % kind
    for tag in (DT_NEEDED, DT_RELA, DT_REL, DT_JMPREL):
        if tag in dynamic_entries(image):
            yield 'dynamic entry %d: the vDSO must need nothing and no relocations' % tag
    found = {name: (value, size) for name, value, size in functions(image)}
    for call in definition.calls:
        value, size = found.pop('cloudabi_sys_' + call.name, (0, 0))
        if not value or value + size > len(image):
            yield 'no function for ' + call.name
    yield from ('unknown function ' + name for name in found)
    if len(image) > MAX_SIZE:
        yield '%d bytes, more than %d' % (len(image), MAX_SIZE)


def main(definition_file, vdso_file):
    with open(vdso_file, 'rb') as file:
        image = file.read()
    found = list(problems(parse.read(definition_file), image))
    for problem in found:
        print('%s: %s' % (vdso_file, problem), file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == '__main__':
    main(*sys.argv[1:])
