# SPDX-License-Identifier: BSD-2-Clause
"""tools/vm exec with executables that no compiler of ours made: a hundred-odd bytes of ELF, whole and damaged."""

import os
import struct
import subprocess

import pytest

from tessera import vm

# The calls of the kernel, by number (docs/executables.md, section 4).
PROC_EXIT, PROC_RAISE, FD_WRITE = 39, 41, 16


def call(number):
    return b"\xb8" + struct.pack("<I", number) + b"\x0f\x05"


def exit_with(code):
    return b"\xbf" + struct.pack("<I", code) + call(PROC_EXIT)


def tiny(code, osabi=9, p_type=1, flags=5, align=0x200000, kind=3, machine=62, memory=None, phnum=1, entry=120,
         offset=0, vaddr=0, size=None, phoff=64, elf_class=2):
    """One segment over the whole file, code right behind the headers."""
    total = 120 + len(code)
    ident = b"\x7fELF" + bytes([elf_class, 1, 1, osabi]) + bytes(8)
    header = ident + struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, entry, phoff, 0, 0, 64, 56, phnum, 0, 0, 0)
    length = total if size is None else size
    segment = struct.pack("<IIQQQQQQ", p_type, flags, offset, vaddr, vaddr, length,
                          length if memory is None else memory, align)
    return header + segment + code


def execute(tmp_path, image, *options, timeout=60):
    program = tmp_path / "tiny"
    program.write_bytes(image)
    log = os.path.join(vm.LOGS, "scenario-exec-tiny.log")
    command = [os.path.join(vm.ROOT, "tools", "vm"), "exec", "--timeout", "30", "--log", log, *options, str(program)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, cwd=vm.ROOT, check=False,
                          timeout=timeout)


@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("osabi", [9, 17])
def test_exit_code(tmp_path, osabi, cpus):
    done = execute(tmp_path, tiny(exit_with(42), osabi=osabi), "--smp", str(cpus))
    assert (done.returncode, done.stdout) == (42, b""), done.stderr


def test_no_success_by_truncation(tmp_path):
    assert execute(tmp_path, tiny(exit_with(256))).returncode == 255


@pytest.mark.parametrize("options", [{"align": 0x1000}, {"align": 0}, {"align": 1}, {"memory": 0x200000}])
def test_other_layouts(tmp_path, options):
    assert execute(tmp_path, tiny(exit_with(7), **options)).returncode == 7


def test_signal(tmp_path):
    code = b"\xbf" + struct.pack("<I", 16) + call(PROC_RAISE) + exit_with(1)
    assert execute(tmp_path, tiny(code)).returncode == 128 + 16
    assert execute(tmp_path, tiny(b"\x0f\x0b")).returncode == 128 + 8
    assert execute(tmp_path, tiny(b"\xcc")).returncode == 128 + 17


def test_a_megabyte_of_output_is_unchanged(tmp_path):
    """4,096 times fd_write of 256 bytes, each byte once, from its own text."""
    table = bytes(range(256))
    grants = tmp_path / "grants.yaml"
    grants.write_text("%TAG ! tag:nuxi.nl,2015:cloudabi/\n---\nlogfile: !fd stdout\n")
    code = (b"\x41\xbc" + struct.pack("<I", 4096) +     # mov r12d, 4096
            b"\x48\x83\xec\x28" +                       # sub rsp, 40
            b"\x48\x8d\x05TTTT" +                       # lea rax, [rip + table]
            b"\x48\x89\x04\x24" +                       # mov [rsp], rax
            b"\x48\xc7\x44\x24\x08" + struct.pack("<I", 256) +  # mov qword [rsp + 8], 256
            b"\x31\xff" + b"\x48\x89\xe6" + b"\xba\x01\x00\x00\x00" + call(FD_WRITE) +  # fd_write(0, rsp, 1)
            b"\x72\x0a" +                               # jc bad
            b"\x41\xff\xcc" + b"\x75\xe8" +             # dec r12d; jnz back to the call
            b"\x31\xff\x90\x90\x90")
    back = code.index(b"\x75\xe8")
    start = code.index(b"\x31\xff\x48\x89\xe6")
    code = code[:back + 1] + struct.pack("b", start - (back + 2)) + code[back + 2:]
    carry = code.index(b"\x72\x0a")
    code += call(PROC_EXIT)
    code = code[:carry + 1] + struct.pack("b", len(code) - (carry + 2)) + code[carry + 2:]
    code += exit_with(9)
    lea = code.index(b"TTTT")
    code = code[:lea] + struct.pack("<i", len(code) - (lea + 4)) + code[lea + 4:] + table
    done = execute(tmp_path, tiny(code), "--grants", str(grants))
    assert done.returncode == 0, done.stderr
    assert done.stdout == table * 4096


DAMAGED = {
    "empty": b"",
    "not ELF": b"#!/bin/sh\nexit 0\n" * 20,
    "header cut": tiny(b"")[:40],
    "segments cut": tiny(b"")[:100],
    "32 bits": tiny(exit_with(1), elf_class=1),
    "another system": tiny(exit_with(1), osabi=3),
    "another machine": tiny(exit_with(1), machine=3),
    "not a program": tiny(exit_with(1), kind=1),
    "writable code": tiny(exit_with(1), flags=7),
    "no segment": tiny(exit_with(1), p_type=0),
    "entry outside": tiny(exit_with(1), entry=0x100000),
    "memory less than file": tiny(exit_with(1), memory=10),
    "segment behind the end": tiny(exit_with(1), size=1 << 40),
    "address overflows": tiny(exit_with(1), vaddr=(1 << 64) - 0x1000),
    "offset and address apart": tiny(exit_with(1), offset=16),
    "an interpreter": tiny(exit_with(1), p_type=3),
    "too many headers": tiny(exit_with(1), phnum=0xffff),
}


@pytest.mark.parametrize("what", list(DAMAGED))
def test_damaged(tmp_path, what):
    done = execute(tmp_path, DAMAGED[what])
    assert done.returncode == vm.EXIT_NO_STATUS and b"init: program: cannot" in done.stderr, done.stderr
    assert done.stdout == b""
