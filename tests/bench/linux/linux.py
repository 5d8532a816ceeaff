#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The Linux guest beside which things are measured in wall time:  linux.py COMMAND...

Debian's kernel and its static busybox, taken apart into an initial RAM file system, boot on the same virtual
machine as ours (tools/tessera/vm.py makes the command line) with a disk; then COMMAND runs, with the programs of
tests/bench/linux compiled for the host in /bin and the disk's ext2 at /disk. What it prints is printed.

The packages come from the system's own package sources (`apt-get download`), into ~/.cache/tessera/linux.
"""

import argparse
import glob
import gzip
import io
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from tessera import vm  # noqa: E402

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "tessera", "linux")
# In the order in which they are loaded.
MODULES = ("virtio", "virtio_ring", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk",
           "failover", "net_failover", "virtio_net", "crc16", "crc32c_generic", "mbcache", "jbd2", "ext4")
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /disk
/bin/busybox --install -s /bin
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev; mount -t tmpfs none /tmp
for m in {modules}; do insmod /modules/$m.ko; done
ip link set lo up
{mount}
echo "guest: $(uname -r)"
{command}
echo "guest: ended $?"
poweroff -f
"""


def fetch():
    """The folder with Debian's kernel and busybox, unpacked."""
    tree = os.path.join(CACHE, "tree")
    if os.path.isdir(tree):
        return tree
    depends = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], check=True, capture_output=True, text=True)
    kernel = re.search(r"Depends: (linux-image-\S+)", depends.stdout).group(1)
    os.makedirs(CACHE, exist_ok=True)
    print(f"fetching {kernel} and busybox-static", flush=True)
    subprocess.run(["apt-get", "-q", "download", kernel, "busybox-static"], cwd=CACHE, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for package in glob.glob(os.path.join(CACHE, "*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, tree + ".new"], check=True)
    os.rename(tree + ".new", tree)
    return tree


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

    def finish(self):
        self.add("TRAILER!!!", mode=0)
        return gzip.compress(self.out.getvalue(), 1)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def compiled(folder):
    """The measuring programs, built for the host without libraries."""
    for source in sorted(glob.glob(os.path.join(HERE, "*.c"))):
        program = os.path.join(folder, os.path.basename(source)[:-2])
        subprocess.run(["gcc", "-O2", "-static", "-o", program, source], check=True)
        yield os.path.basename(program), read(program)


def initial_files(tree, folder, command, disk):
    modules = os.path.join(tree, "lib", "modules")
    archive = Archive()
    for name in ("bin", "modules"):
        archive.folder(name)
    archive.add("bin/busybox", read(os.path.join(tree, "bin", "busybox")))
    for name in MODULES:
        archive.add(f"modules/{name}.ko", read(glob.glob(f"{modules}/*/kernel/**/{name}.ko", recursive=True)[0]))
    for name, data in compiled(folder):
        archive.add("bin/" + name, data)
    mount = "mount -t ext4 /dev/vda /disk" if disk else ""
    archive.add("init", INIT.format(modules=" ".join(MODULES), mount=mount, command=command).encode())
    return archive.finish()


def run(command, disk=None, mem=256, smp=1, forwards=(), timeout=300):
    """What COMMAND printed in the guest."""
    tree = fetch()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "initrd")
        with open(path, "wb") as file:
            file.write(initial_files(tree, folder, command, disk))
        options = vm.Options(kernel=glob.glob(os.path.join(tree, "boot", "vmlinuz-*"))[0], archive=path, disk=disk,
                             mem=mem, smp=smp, forwards=forwards, append="console=ttyS0 quiet panic=-1")
        done = subprocess.run(options.command() + ["-serial", "stdio"], stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE, timeout=timeout)
    text = done.stdout.decode("utf-8", "replace").replace("\r", "")
    return text[text.find("guest: "):]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--disk", help="a file with an ext2 file system")
    parser.add_argument("--mem", type=int, default=256)
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    print(run(" ".join(args.command), disk=args.disk, mem=args.mem), end="")


if __name__ == "__main__":
    main()
