# SPDX-License-Identifier: BSD-2-Clause
"""The host-side tools: argument data, boot archives, manifests."""

import os
import re
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from tessera import argdata, bootfs, manifest, rights, vm  # noqa: E402

BOOT = {"bin/tmpfs", "bin/net", "bin/shell", "bin/console", "bin/netshell", "bin/power", "bin/block", "bin/ext2"}
TAG = "%TAG ! tag:nuxi.nl,2015:cloudabi/\n---\n"
TMPFS = "  tmpfs: {program: bin/tmpfs, args: {port: !port }}\n"


# --- argument data ---

def test_argdata_of_a_real_program():
    value = {"tmpdir": argdata.Fd(0), "logfile": argdata.Fd(1), "nthreads": 1}
    expected = ("06 88 08 746d7064697200 85 03 00000000 89 08 6c6f6766696c6500 85 03 00000001"
                "8a 08 6e7468726561647300 82 05 01")
    assert argdata.encode(value) == bytes.fromhex(expected)
    assert argdata.decode(argdata.encode(value)) == value


@pytest.mark.parametrize("value", [None, True, False, 0, 1, -1, 127, 128, -128, -129, 1 << 62, -1 << 63, 0.5, "", "é",
                                   b"\0\1", [], {}, [None, [1, [2]]], {"a": {"b": [b"x" * 300]}}])
def test_argdata_round_trip(value):
    assert argdata.decode(argdata.encode(value)) == value


@pytest.mark.parametrize("data", [b"\x08abc", b"\x03\0", b"\x02\2", b"\x07\x85\x05", b"\x07\x01", b"\x06\x81\x05",
                                  b"\x63", b"\x07" + b"\x7f" * 20 + b"\xff"])
def test_malformed_argdata_is_refused(data):
    with pytest.raises(ValueError):
        argdata.decode(data)


# --- boot archives ---

def test_bootfs_round_trip():
    files = {"bin/a": b"x" * 5000, "bin/b": b"", "etc/manifest": b"m"}
    archive = bootfs.pack(files)
    assert bootfs.unpack(archive) == files
    assert archive[:16] == b"TESSBOOT" + bytes([1, 0, 0, 0, 3, 0, 0, 0])
    assert len(archive) % 4096 == 0


@pytest.mark.parametrize("name", ["", "/a", "a//b", "a/", "../a", "a/./b", "x" * 96])
def test_bootfs_refuses_bad_names(name):
    with pytest.raises(ValueError):
        bootfs.pack({name: b""})


# --- manifests ---

def compiled(text):
    return manifest.compile_manifest(TAG + text, "m.yaml", BOOT)


def refused(text, message):
    with pytest.raises(manifest.ManifestError) as caught:
        compiled(text)
    assert re.search(message, str(caught.value)), caught.value


def test_default_manifest_is_in_order():
    path = os.path.join(ROOT, "images", "default.yaml")
    with open(path, encoding="utf-8") as f:
        nodes = manifest.compile_manifest(f.read(), path, BOOT)
    names = [node["name"] for node in nodes]
    assert set(names) == {"tmpfs", "console", "net", "block", "ext2", "power", "shell", "netshell"}
    assert names.index("tmpfs") < names.index("shell")


def test_descriptors_are_numbered_in_order():
    node = compiled("services:\n" + TMPFS + "programs:\n  p:\n    program: bin/shell\n    args:\n"
                    "      list: [!kernel log , 5, {deep: !dir {service: tmpfs, path: a/b}}]\n      text: hello\n")[1]
    assert argdata.decode(node["argdata"]) == {"list": [argdata.Fd(0), 5, {"deep": argdata.Fd(1)}], "text": "hello"}
    assert [grant["name"] for grant in node["grants"]] == ["list/0", "list/2/deep"]
    assert node["grants"][1]["path"] == "a/b" and node["grants"][1]["from"] == "tmpfs"


def test_sizes_and_what_may_be_missing():
    nodes = compiled("services:\n  net: {program: bin/net, size: 64 MiB, args: {p: !port }}\n"
                     "programs:\n  p:\n    program: bin/shell\n"
                     "    args: {d: !dir {service: net, optional: true}, c: !pci {class: block, optional: true}}\n")
    assert nodes[0]["size"] == 64 << 20 and nodes[1]["size"] == 0
    assert [grant["optional"] for grant in nodes[0]["grants"] + nodes[1]["grants"]] == [False, True, True]


def test_services_come_before_those_that_use_them():
    nodes = compiled("services:\n  net:\n    program: bin/net\n"
                     "    args: {port: !port , store: !dir {service: tmpfs}}\n" + TMPFS +
                     "programs:\n  early: {program: bin/shell}\n")
    assert [node["name"] for node in nodes].index("tmpfs") < [node["name"] for node in nodes].index("net")


@pytest.mark.parametrize("text, message", [
    ("servces: {}\n", r"m.yaml:3: unknown key 'servces'"),
    ("programs:\n  p: {program: bin/none}\n", r"m.yaml:4: the boot archive has no 'bin/none'"),
    ("programs:\n  p: {program: bin/shell, restart: maybe}\n", "restart is always or never"),
    ("programs:\n  p: {program: bin/shell, args: {a: !dir {service: x}}}\n", "no service 'x'"),
    ("programs:\n  p: {program: bin/shell, args: {a: !kernel nothing}}\n", "has no 'nothing'"),
    ("programs:\n  p: {program: bin/shell, args: {a: !kernel .}}\n", "has no '.'"),
    ("programs:\n  p: {program: bin/shell, args: {a: !kernel boot/../log}}\n", "has no"),
    ("programs:\n  p: {program: bin/shell, args: {a: !kernel {path: log, rights: [exec]}}}\n",
     "no right to: .*proc_exec"),
    ("programs:\n  p: {program: bin/shell, args: {a: !kernel {path: log, rights: [raed]}}}\n", "unknown right 'raed'"),
    ("programs:\n  p: {program: bin/shell, args: {a: !port }}\n", "only a service has a port"),
    ("programs:\n  p: {program: bin/shell, args: {a: !fd stdout}}\n", "for tools/vm exec only"),
    ("programs:\n  p: {program: bin/shell, args: {a: !nothing x}}\n", "unknown tag"),
    ("programs:\n  p: {program: bin/shell, args: {a: 1, a: 2}}\n", "given twice"),
    ("programs:\n  p: {program: bin/shell, args: &a {b: *a}}\n", "too deeply"),
    ("services:\n  s: {program: bin/net}\n", "must be given its !port"),
    ("services:\n" + TMPFS + "programs:\n  tmpfs: {program: bin/shell}\n", "name of a service too"),
    ("services:\n  a: {program: bin/net, args: {p: !port , d: !dir {service: b}}}\n"
     "  b: {program: bin/net, args: {p: !port , d: !dir {service: a}}}\n", "in a circle"),
    ("services:\n  a: {program: bin/net, exports: [read], args: {p: !port }}\n"
     "programs:\n  p: {program: bin/shell, args: {d: !dir {service: a, rights: [read, write]}}}\n",
     "service 'a' has no right to: .*fd_write"),
    ("programs:\n  p: {program: bin/shell, memory: 0%}\n", "from 1% to 100%"),
    ("programs:\n  p: {program: bin/shell, memory: lots}\n", "from 1% to 100%"),
    ("services:\n  s: {program: bin/net, size: lots, args: {p: !port }}\n", "a number and its unit"),
    ("programs:\n  p: {program: bin/shell, size: 64 MiB}\n", "unknown key 'size'"),
    ("programs: [\n", "m.yaml:"),
    ("", "m.yaml"),
])
def test_mistakes_are_refused_with_their_line(text, message):
    refused(text, message)


def test_exec_leaves_out_what_is_not_needed():
    with open(os.path.join(ROOT, "images", "exec.yaml"), encoding="utf-8") as f:
        base = f.read()
    nodes = manifest.compile_exec(base, "exec.yaml", "bin/program", ["prog", "x"])
    assert [node["name"] for node in nodes] == ["tmpfs", "program"]
    assert nodes[1]["power_off"] and not nodes[1]["restart"]
    assert nodes[1]["memory"] == 0
    args = argdata.decode(nodes[1]["argdata"])
    assert args["args"] == ["prog", "x"] and set(args) == {"tmpdir", "logfile", "stdin", "stdout", "stderr", "args"}


def test_rights_words_are_known():
    for word in rights.WORDS:
        base, inheriting = rights.word(word, True)
        assert base | inheriting
    assert rights.names(rights.single()["fd_read"]) == "fd_read"


# --- machines ---

def test_exit_status_is_found_in_a_log():
    assert vm.exit_status(b"a\r\n[   0.1] power: off 42\r\n") == 42
    assert vm.exit_status(b"power: off 3\n") == 3
    assert vm.exit_status(b"echo power: off 3\n") is None
    assert vm.PANIC.search(b"x\n[1.0] PANIC: y") and not vm.PANIC.search(b"no PANIC")
