# SPDX-License-Identifier: BSD-2-Clause
"""A Linux guest, beside which things are measured and with which we talk.

Debian's kernel and its static busybox, taken apart into an initial RAM file system, boot on the same virtual
machine as ours (vm.py makes the command line). A shell script runs in it, with C programs of the tests compiled for the
host in /bin and the ext2 of a disk at /disk.

The packages come from the system's own package sources (`apt-get download`), into ~/.cache/tessera/linux.
"""

import glob
import gzip
import io
import os
import re
import subprocess
import tempfile

from tessera import vm

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "tessera", "linux")
# In the order in which they are loaded.
MODULES = ("virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk",
           "failover", "net_failover", "virtio_net", "crc16", "crc32c_generic", "mbcache", "jbd2", "ext4")
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /disk
/bin/busybox --install -s /bin
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev; mount -t tmpfs none /tmp
for m in {modules}; do insmod /modules/$m.ko || poweroff -f; done
ip link set lo up
{mount} || poweroff -f
echo "guest: $(uname -r)"
{script}
echo "guest: ended $?"
poweroff -f
"""


def download():
    """Whether the packages could be had."""
    depends = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], check=False, capture_output=True, text=True)
    kernel = re.search(r"Depends: (linux-image-\S+)", depends.stdout)
    if not kernel:
        return False
    print(f"fetching {kernel.group(1)} and busybox-static", flush=True)
    done = subprocess.run(["apt-get", "-q", "download", kernel.group(1), "busybox-static"], cwd=CACHE, check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0


def fetch():
    """The folder with Debian's kernel and busybox, unpacked. MachineError: they can not be had."""
    tree = os.path.join(CACHE, "tree")
    if os.path.isdir(tree):
        return tree
    os.makedirs(CACHE, exist_ok=True)
    if not download():  # the lists may be too old
        subprocess.run(["apt-get", "-q", "update"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not download():
            raise vm.MachineError("no Linux guest: its packages can not be downloaded")
    for package in glob.glob(os.path.join(CACHE, "*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, tree + ".new"], check=True)
    os.rename(tree + ".new", tree)
    return tree


def fetch_package(name):
    """The folder with one more package of Debian, unpacked. MachineError: it can not be had."""
    tree = os.path.join(CACHE, "packages", name)
    if os.path.isdir(tree):
        return tree
    os.makedirs(os.path.dirname(tree), exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "-q", "download", name], cwd=folder, check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        found = glob.glob(os.path.join(folder, "*.deb"))
        if not found:
            raise vm.MachineError(f"no {name}: its package can not be downloaded")
        subprocess.run(["dpkg-deb", "-x", found[0], tree + ".new"], check=True)
    os.rename(tree + ".new", tree)
    return tree


def libraries(program):
    """The shared libraries of a program, as the host has them, and its loader."""
    done = subprocess.run(["ldd", program], check=True, capture_output=True, text=True)
    return re.findall(r"(/\S+) \(0x", done.stdout)


class Archive:
    """A cpio archive of the kind that Linux takes as its first file system."""

    def __init__(self):
        self.out, self.count = io.BytesIO(), 0

    def add(self, name, data=b"", mode=0o100755):
        self.count += 1
        fields = (self.count, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        self.out.write(b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0")
        self.pad()
        self.out.write(data)
        self.pad()

    def pad(self):
        self.out.write(b"\0" * (-self.out.tell() % 4))

    def folder(self, name):
        self.add(name, mode=0o040755)

    def tree(self, path, data):
        """A file with the folders above it."""
        parts = path.strip("/").split("/")
        for n in range(1, len(parts)):
            self.folder("/".join(parts[:n]))
        self.add("/".join(parts), data)

    def finish(self):
        self.add("TRAILER!!!", mode=0)
        return gzip.compress(self.out.getvalue(), 1)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def compiled(source):
    """A program of one source, built for the host without shared libraries."""
    with tempfile.NamedTemporaryFile() as program:
        subprocess.run(["clang-14", "-O2", "-static", "-pthread", "-o", program.name, source], check=True)
        return read(program.name)


def initial_files(tree, script, sources, programs, disk):
    """The initial file system: the script runs as soon as there are devices."""
    modules = os.path.join(tree, "lib", "modules")
    archive = Archive()
    for name in ("bin", "modules"):
        archive.folder(name)
    archive.add("bin/busybox", read(os.path.join(tree, "bin", "busybox")))
    for name in MODULES:
        archive.add(f"modules/{name}.ko", read(glob.glob(f"{modules}/*/kernel/**/{name}.ko", recursive=True)[0]))
    for source in sources:
        archive.add("bin/" + os.path.basename(source)[:-2], compiled(source))
    for program in programs:
        archive.add("bin/" + os.path.basename(program), read(program))
        for library in libraries(program):
            archive.tree(library, read(library))
    mount = "mount -t ext4 /dev/vda /disk" if disk else "true"
    archive.add("init", INIT.format(modules=" ".join(MODULES), mount=mount, script=script).encode())
    return archive.finish()


class Guest(vm.Machine):
    """A running Linux. PROGRAMS of the host come with their libraries. Its log has `guest: RELEASE` when SCRIPT begins
    and `guest: ended STATUS` when it is over."""

    def __init__(self, name, script, sources=(), programs=(), disk=None, **options):
        tree = fetch()
        self.folder = tempfile.TemporaryDirectory()
        archive = os.path.join(self.folder.name, "initrd")
        with open(archive, "wb") as file:
            file.write(initial_files(tree, script, sources, programs, disk))
        options.setdefault("mem", 256)
        kernel = glob.glob(os.path.join(tree, "boot", "vmlinuz-*"))[0]
        super().__init__(vm.Options(kernel=kernel, archive=archive, disk=disk, append="console=ttyS0 quiet panic=-1",
                                    **options), os.path.join(vm.LOGS, f"linux-{name}.log"))

    def stop(self):
        super().stop()
        self.folder.cleanup()

    def finish(self, timeout):
        """Waits for the end of the script: what it printed. MachineError if it failed."""
        end = self.wait_log(rb"^guest: ended (\d+)", timeout)
        if end.group(1) != b"0":
            raise vm.MachineError(f"Linux: status {end.group(1).decode()}\n" + self.tail())
        return self.output()

    def output(self):
        """What the script has printed so far."""
        text = bytes(self.log).decode("utf-8", "replace").replace("\r", "")
        end = text.rfind("guest: ended")
        return text[text.find("guest: "):end if end >= 0 else None].partition("\n")[2]
