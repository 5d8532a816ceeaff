#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Generate what follows from the definition of the ABI.

generate.py DEFINITION DIRECTORY    write headers, decoders and the vDSO's sources
generate.py DEFINITION --doc FILE   write the reference manual
"""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from generator import headers, kernel, manual, parse, refusals, vdso  # noqa: E402
from generator.model import DefinitionError  # noqa: E402

OUTPUTS = {
    'cloudabi_types.h': headers.types_header,
    'cloudabi_syscalls.h': headers.syscalls_header,
    'kernel_calls.h': kernel.calls_header,
    'kernel_dispatch.c': kernel.dispatch_source,
    'kernel_missing.c': kernel.missing_source,
    'vdso_stubs.S': vdso.stubs,
    'refusals.h': refusals.header,
}


def write(path, text):
    """Leave an unchanged file alone, so that nothing is rebuilt for it."""
    if os.path.exists(path):
        with open(path, encoding='utf-8') as file:
            if file.read() == text:
                return
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def generate(definition, directory):
    os.makedirs(directory, exist_ok=True)
    for name, make in OUTPUTS.items():
        write(os.path.join(directory, name), make(definition))


def main(arguments):
    if len(arguments) not in (2, 3):
        sys.exit(__doc__)
    try:
        definition = parse.read(arguments[0])
    except DefinitionError as problem:
        sys.exit('%s: %s' % (arguments[0], problem))
    if arguments[1] == '--doc':
        write(arguments[2], manual.manual(definition))
    else:
        generate(definition, arguments[1])


if __name__ == '__main__':
    main(sys.argv[1:])
