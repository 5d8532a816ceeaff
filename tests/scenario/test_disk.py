# SPDX-License-Identifier: BSD-2-Clause
"""Files on a disk: they are there at the next boot and on the host; services that die lose nothing promised."""

import os
import re
import shutil
import subprocess

import pytest

from conftest import NETWORK_SHELL, boot
from shell import ConsoleShell, TcpShell
from tessera import bootfs, manifest, vm

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def host(*command):
    """(status, output) of a tool of e2fsprogs."""
    done = subprocess.run(command, env=dict(os.environ, PATH=PATH), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=60)
    return done.returncode, done.stdout


def assert_clean(disk, offset=0):
    """The disk passes a check of the host that changes nothing."""
    if offset:
        part = disk + ".part"
        with open(disk, "rb") as source, open(part, "wb") as target:
            source.seek(offset)
            shutil.copyfileobj(source, target)
        disk = part
    status, output = host("e2fsck", "-fn", disk)
    assert status == 0, output


def debugfs(disk, command):
    done = subprocess.run(["debugfs", "-R", command, disk], env=dict(os.environ, PATH=PATH), capture_output=True,
                          text=True, check=True, timeout=60)
    return done.stdout


def console_of(machine):
    machine.wait_log(rb"ext2: \d+ MiB", 20)
    return ConsoleShell(machine)


def power_off(machine, console):
    console.send(b"echo off 0 > power\n")
    assert machine.wait_end(20) == (True, 0), machine.tail()


@pytest.fixture
def disk(tmp_path):
    path = str(tmp_path / "disk.raw")
    vm.make_disk(path, 32)
    return path


def kill(machine, console, name):
    """Kills a service by its job; init starts it again."""
    mark = machine.mark()
    processes = [p for p in console.run(f"ls jobs/{name}/procs").split() if len(p) >= 32]
    assert processes, f"no process of {name}"
    for process in processes:
        console.run(f"echo kill 10 > jobs/{name}/procs/{process}/ctl")
    machine.wait_log(rb"init: " + name.encode() + rb": started", 10, mark)


def test_files_are_there_at_the_next_boot_and_on_the_host(disk):
    with boot("disk-first", disk=disk) as machine:
        console = console_of(machine)
        console.run("mkdir disk/dir")
        console.run("echo from the first boot > disk/dir/note")
        with TcpShell(machine.port(NETWORK_SHELL)) as shell:
            shell.run("echo over the network > disk/visitor")
        power_off(machine, console)
    assert_clean(disk)
    assert debugfs(disk, "cat dir/note") == "from the first boot\n"
    assert debugfs(disk, "cat home/visitor") == "over the network\n"
    host("debugfs", "-w", "-R", f"write {os.path.abspath(__file__)} from_host", disk)
    with boot("disk-second", disk=disk) as machine:
        console = console_of(machine)
        assert console.run("cat disk/dir/note") == "from the first boot"
        assert "Files on a disk: they are there" in console.run("cat disk/from_host")
        console.run("rm disk/dir/note")
        power_off(machine, console)
    assert_clean(disk)
    assert "note" not in debugfs(disk, "ls dir")


def test_the_visitor_stays_in_his_directory(disk):
    with boot("disk-visitor", disk=disk) as machine:
        console = console_of(machine)
        console.run("echo mine > disk/secret")
        with TcpShell(machine.port(NETWORK_SHELL)) as shell:
            assert "mine" not in shell.run("cat disk/../secret")
            assert "secret" not in shell.run("ls disk")


def test_a_cut_is_mended_at_the_next_boot(disk):
    with boot("disk-cut", disk=disk) as machine:
        console = console_of(machine)
        for i in range(20):
            console.run(f"echo {i} > disk/file{i}")
        machine.end()
    with boot("disk-mended", disk=disk) as machine:
        console = console_of(machine)
        console.run("ls disk")
        power_off(machine, console)
    assert_clean(disk)


def load_disk(machine, console, victim, rounds=3):
    """Kills VICTIM again and again while a visitor writes; then files are written that must be there in the end."""
    written = []
    for i in range(rounds):
        with TcpShell(machine.port(NETWORK_SHELL)) as shell:
            for j in range(5):
                shell.send(f"cp programs/shell disk/torn{i}.{j}\n".encode())
            kill(machine, console, victim)
            answer = shell.run("echo alive")
            assert answer.endswith("alive")
            if victim == "block":  # even what was being written goes on
                assert answer == "alive"
            assert "I/O error" not in shell.run("ls disk")
        assert "lost+found" in console.run("ls disk")
        assert console.run(f"cp programs/shell disk/good{i}") == ""
        assert console.run(f"sync disk/good{i}") == ""
        written.append(f"good{i}")
    return written


@pytest.mark.parametrize("victim", ["ext2", "block"])
def test_a_service_that_is_killed_comes_back(disk, victim):
    with boot("disk-" + victim, disk=disk, smp=2) as machine:
        console = console_of(machine)
        console.run("echo before > disk/before")
        written = load_disk(machine, console, victim)
        if victim == "block":  # ext2 goes on with the new instance: nothing is lost, not even what nobody synced
            assert console.run("cat disk/before") == "before"
            assert not re.search(rb"init: ext2: (signal|exited)", machine.log), machine.tail()
        power_off(machine, console)
    assert_clean(disk)
    with open(os.path.join(vm.ROOT, "build", "boot", "bin", "shell"), "rb") as f:
        size = len(f.read())
    listed = debugfs(disk, "ls -l /")
    for name in written:
        assert re.search(rf"\b{size}\b.*\b{name}\b", listed), listed


def test_a_disk_without_a_journal(tmp_path):
    disk = str(tmp_path / "plain.raw")
    with open(disk, "wb") as f:
        f.truncate(16 << 20)
    assert host("mke2fs", "-q", "-F", "-t", "ext2", disk)[0] == 0
    with boot("disk-plain", disk=disk) as machine:
        console = console_of(machine)
        assert b"without journal" in machine.log
        console.run("echo plain > disk/plain")
        power_off(machine, console)
    assert_clean(disk)
    assert debugfs(disk, "cat plain") == "plain\n"


def test_a_disk_that_can_not_be_written(disk):
    with open(disk, "rb") as f:
        before = f.read()
    with boot("disk-read-only", disk=disk, read_only=True) as machine:
        console = console_of(machine)
        assert b"read-only" in machine.log
        assert "lost+found" in console.run("ls disk")
        assert console.run("echo no > disk/no") != ""
        assert "no" not in console.run("ls disk").split()
        power_off(machine, console)
    with open(disk, "rb") as f:
        assert f.read() == before


def test_a_disk_that_is_granted_for_reading_only(disk, tmp_path):
    """The manifest says what ext2 may do with the disk, whatever the disk itself would take."""
    path = os.path.join(vm.ROOT, "images", "default.yaml")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    granted = "disk: !dir {service: block, path: disk0, rights: [list, read, write]}"
    assert granted in text
    text = text.replace(granted, granted.replace(", write", ""))
    with open(vm.ARCHIVE, "rb") as f:
        files = bootfs.unpack(f.read())
    files["etc/manifest"] = manifest.encode(manifest.compile_manifest(text, path))
    archive = tmp_path / "boot.img"
    archive.write_bytes(bootfs.pack(files))
    with open(disk, "rb") as f:
        before = f.read()
    with boot("disk-reader", disk=disk, archive=str(archive)) as machine:
        console = console_of(machine)
        assert b"read-only" in machine.log
        assert "lost+found" in console.run("ls disk")
        assert "ead-only" in console.run("echo no > disk/no")
        power_off(machine, console)
    with open(disk, "rb") as f:
        assert f.read() == before


def test_what_is_not_ext2_is_refused(tmp_path):
    disk = str(tmp_path / "empty.raw")
    with open(disk, "wb") as f:
        f.truncate(8 << 20)
    with boot("disk-refused", disk=disk) as machine:
        console = ConsoleShell(machine)
        machine.wait_log(rb"ext2: refused: ", 10)
        assert "disk " not in console.run("fds")
        assert machine.log.count(b"init: ext2: started") == 1
        power_off(machine, console)


def test_a_partition_is_found(tmp_path):
    """An MBR with one partition, which begins at 1 MiB."""
    disk, part = str(tmp_path / "mbr.raw"), str(tmp_path / "part.raw")
    vm.make_disk(part, 16)
    sectors = (16 << 20) // 512
    with open(disk, "wb") as f, open(part, "rb") as source:
        f.write(bytes(446) + bytes([0, 0, 0, 0, 0x83, 0, 0, 0]) + (2048).to_bytes(4, "little") +
                sectors.to_bytes(4, "little") + bytes(48) + b"\x55\xaa")
        f.seek(1 << 20)
        shutil.copyfileobj(source, f)
    with boot("disk-partition", disk=disk) as machine:
        console = console_of(machine)
        console.run("echo in a partition > disk/note")
        power_off(machine, console)
    assert_clean(disk, 1 << 20)
    assert debugfs(disk + ".part", "cat note") == "in a partition\n"


@pytest.mark.parametrize("suffix", ["raw", "qcow2"])
def test_a_disk_boots_by_itself(tmp_path, suffix):
    disk = str(tmp_path / ("disk." + suffix))
    shutil.copyfile(os.path.join(vm.ROOT, "build", "tessera-disk." + suffix), disk)
    for word in ("one", "two"):
        with boot("disk-boots", disk=disk, boot_disk=True) as machine:
            console = console_of(machine)
            assert {"boot", "home", "lost+found"} <= set(console.run("ls disk").split())
            console.run(f"echo {word} >> disk/home/log")
            power_off(machine, console)
    if suffix == "raw":
        assert_clean(disk, 1 << 20)
        assert debugfs(disk + ".part", "cat home/log") == "one\ntwo\n"
