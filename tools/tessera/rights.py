# SPDX-License-Identifier: BSD-2-Clause
"""The rights of descriptors: single rights by the names of the ABI definition, and the words of manifests.

The numbers are read from the generated header, so there is no second copy of them here.
"""

import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADER = os.path.join(ROOT, "build", "gen", "abi", "cloudabi_types.h")

# word: (rights on a stream or file, rights on a directory itself)
WORDS = {
    "read": ("fd_read fd_seek fd_tell fd_stat_put_flags file_stat_fget file_advise mem_map poll_fd_readwrite",
             "file_open"),
    "write": ("fd_write fd_seek fd_tell fd_sync fd_datasync fd_stat_put_flags file_allocate file_stat_fget "
              "file_stat_fput_size poll_fd_readwrite", "file_open"),
    "poll": ("poll_fd_readwrite", ""),
    "exec": ("proc_exec mem_map mem_map_exec", "file_open"),
    "list": ("file_stat_fget", "file_readdir file_stat_get file_stat_fget file_readlink"),
    "lookup": ("", "file_open"),
    "create": ("", "file_open file_create_file file_create_directory"),
    "remove": ("", "file_unlink"),
    "rename": ("", "file_rename_source file_rename_target"),
    "link": ("", "file_link_source file_link_target file_symlink"),
    "times": ("file_stat_fput_times", "file_stat_put_times file_stat_fput_times"),
    "shutdown": ("sock_shutdown", ""),
}

# What a directory can have at all: itself, and for what is opened below it.
DIRECTORY_MASK = 0x13EFF698
BELOW_MASK = 0x11FFFF7FF | 0x8000000000


def _load():
    """The single rights: their names in lower case, and their bits."""
    try:
        with open(HEADER, encoding="utf-8") as f:
            text = f.read()
    except OSError as error:
        raise ValueError(f"{error.filename}: missing (make generated)") from error
    found = re.findall(r"CLOUDABI_RIGHT_(\w+)[ =]+.*?(0[xX][0-9a-fA-F]+)", text)
    if not found:
        raise ValueError(f"{HEADER}: no rights in it")
    return {name.lower(): int(bits, 16) for name, bits in found}


_single = None


def single():
    """The table of single rights."""
    global _single
    if _single is None:
        _single = _load()
    return _single


def _bits(names):
    bits = 0
    for name in names.split():
        bits |= single()[name]
    return bits


def everything():
    """All rights that exist."""
    bits = 0
    for right in single().values():
        bits |= right
    return bits


def word(name, directory):
    """The pair (base, inheriting) that a word or the name of a single right stands for; KeyError if unknown."""
    if name == "all":
        bits = everything()
        return (bits & DIRECTORY_MASK, bits & BELOW_MASK) if directory else (bits & BELOW_MASK, 0)
    if name in WORDS:
        on_file, on_directory = (_bits(names) for names in WORDS[name])
        if directory:
            return on_directory, on_directory | on_file
        return on_file, 0
    bits = single()[name]
    return bits, bits if directory else 0


def names(bits):
    """Names of the single rights in BITS, for messages."""
    return ", ".join(name for name, bit in sorted(single().items()) if bits & bit)
