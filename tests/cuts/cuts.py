#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Power cuts: boots a machine with a disk and a program that changes files, kills QEMU at a random instant, and checks.

  cuts.py [--count N] [--jobs N] [--again]      progress is kept in build/cuts/done: a run goes on where the last ended
  cuts.py --seed N                              one cut, in detail; its disk stays in build/cuts

The program (workload.c) says what it is about to do and what was acknowledged. After the cut the journal is replayed by
the host (e2fsck -p, which may mend nothing else) or by Tessera itself at its next boot; then `e2fsck -fn` must find
nothing, and every acknowledged byte must be there. What was under way may have happened or not.
"""

import argparse
import concurrent.futures
import os
import random
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from tessera import bootfs, manifest, vm  # noqa: E402

FOLDER = os.path.join(ROOT, "build", "cuts")
PROGRAMS = os.path.join(ROOT, "build", "boot")
WORKLOAD = os.path.join(ROOT, "build", "user", "workload")
SERVICES = os.path.join(ROOT, "images", "exec.yaml")
HELLO = os.path.join(ROOT, "build", "user", "hello")
GRANTS = """\
%TAG ! tag:nuxi.nl,2015:cloudabi/
---
stdout: !fd stdout
stderr: !fd stdout
disk: !dir {service: ext2, path: files, rights: [all]}
"""
LINE, SLOT, SLOTS = 64, 512, 64
TAG_CONFIG, TAG_SLOT = 1000000, 2000000
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
# What a check may say that mends what the journal's owner would have mended at the next mount.
HARMLESS = re.compile(r"^(e2fsck 1|.*recovering journal|.*[Cc]learing orphaned inode|.*[Tt]runcating orphaned inode"
                      r"|Pass \d|.*: (clean, )?\d+/\d+ files|.*FILE SYSTEM WAS MODIFIED|\s*$)")


class Violation(Exception):
    """Something was promised and not kept."""


def require(condition, message):
    if not condition:
        raise Violation(message)


def host(*command):
    done = subprocess.run(command, env=dict(os.environ, PATH=PATH), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, timeout=120)
    return done.returncode, done.stdout


# --- what the program promised -----------------------------------------------------------------------------------


def content(tag, start, length):
    """The bytes [start, start + length) of a content: as content() of workload.c."""
    first, last = start // LINE, (start + length + LINE - 1) // LINE
    lines = b"".join(b"content %-10u line %-12u %27s" % (tag, i, b"\n") for i in range(first, last))
    return lines[start - first * LINE:start - first * LINE + length]


class Model:
    """What must be on the disk after some lines of the program, and what may be."""

    def __init__(self):
        self.files = {}     # number in the name: (tag, size, high-water mark of valid content)
        self.dirs = set()
        self.log = self.config = 0
        self.slots = {}
        self.pending = None

    def take(self, line):
        op, *numbers = line.split()
        numbers = [int(n) for n in numbers]
        if op.islower():
            require(self.pending is None, f"the program is out of step at {line!r}")
            self.pending = (op, numbers)
            return
        require(self.pending == (op.lower(), numbers), f"the program is out of step at {line!r}")
        self.pending = None
        getattr(self, "done_" + op.lower())(*numbers)

    def done_c(self, number, size):
        self.files[number] = (number, size, size)

    def done_m(self, old, new):
        self.files[new] = self.files.pop(old)

    def done_t(self, number, size):
        tag, _, valid = self.files[number]
        self.files[number] = (tag, size, min(valid, size))

    def done_u(self, number):
        del self.files[number]

    def done_l(self, length):
        self.log += length

    def done_r(self, version):
        self.config = version

    def done_w(self, slot, version):
        self.slots[slot] = version

    def done_d(self, number):
        self.dirs.add(number)

    def done_e(self, number):
        self.dirs.remove(number)

    # --- comparing with the disk ---

    def check(self, tree):
        """TREE: a folder with the files of the disk."""
        pending, numbers = self.pending or ("", [])
        names = set(os.listdir(tree))
        self.check_files(tree, names, pending, numbers)
        self.check_log(tree, numbers[0] if pending == "l" else 0)
        self.check_config(tree, names, numbers[0] if pending == "r" else self.config)
        self.check_slots(tree, numbers if pending == "w" else [-1, 0])
        self.check_dirs(tree, names, pending, numbers)

    def check_files(self, tree, names, pending, numbers):
        expected = dict(self.files)
        optional = set()
        if pending == "c":
            optional.add(f"f{numbers[0]}")
            self.check_partial(tree, f"f{numbers[0]}", numbers[0], numbers[1])
        elif pending == "u":
            optional.add(f"f{numbers[0]}")
            present = f"f{numbers[0]}" in names
            if not present:
                del expected[numbers[0]]
        elif pending == "m":
            old, new = (f"f{n}" in names for n in numbers)
            require(old != new, f"f{numbers[0]} was being renamed to f{numbers[1]}: old {old}, new {new}")
            if new:
                expected[numbers[1]] = expected.pop(numbers[0])
        elif pending == "t":
            self.check_cut(tree, numbers[0], numbers[1])
            del expected[numbers[0]]
            optional.add(f"f{numbers[0]}")
        for number, (tag, size, valid) in expected.items():
            self.check_whole(tree, f"f{number}", tag, size, valid)
        extra = {n for n in names if re.fullmatch(r"f\d+", n)} - {f"f{n}" for n in expected} - optional
        require(not extra, f"files that were removed or never made: {extra}")

    @staticmethod
    def read(tree, name):
        try:
            with open(os.path.join(tree, name), "rb") as f:
                return f.read()
        except OSError as error:
            raise Violation(f"{name}: {error.strerror}") from error

    def check_whole(self, tree, name, tag, size, valid):
        data = self.read(tree, name)
        require(len(data) == size, f"{name}: {len(data)} bytes instead of {size}")
        right = data[:valid] == content(tag, 0, valid) and not any(data[valid:])
        require(right, f"{name}: other bytes than were synced")

    def check_partial(self, tree, name, tag, size):
        """A file that nobody synced: what it has is right or zero, line by line."""
        if not os.path.exists(os.path.join(tree, name)):
            return
        data = self.read(tree, name)
        require(len(data) <= size, f"{name}: {len(data)} bytes, at most {size} were written")
        right = content(tag, 0, len(data))
        for at in range(0, len(data), LINE):
            piece = data[at:at + LINE]
            require(piece == right[at:at + LINE] or not any(piece), f"{name}: foreign bytes at {at}")

    def check_cut(self, tree, number, new):
        """A truncation was under way."""
        tag, size, valid = self.files[number]
        data = self.read(tree, f"f{number}")
        require(len(data) in (size, new), f"f{number}: {len(data)} bytes, neither {size} nor {new}")
        valid = min(valid, len(data))
        sure = min(valid, new)
        require(data[:sure] == content(tag, 0, sure), f"f{number}: other bytes than were synced")
        rest = data[sure:valid]
        require(rest == content(tag, sure, valid - sure) or not any(rest), f"f{number}: foreign bytes behind the cut")
        require(not any(data[valid:]), f"f{number}: bytes behind its end came back")

    def check_log(self, tree, pending):
        data = self.read(tree, "log")
        require(self.log <= len(data) <= self.log + pending, f"log: {len(data)} bytes, {self.log} were acknowledged")
        require(data == content(0, 0, len(data)), "log: other bytes than were written")

    def check_config(self, tree, names, newest):
        if self.config == 0 and "config" not in names:
            return
        data = self.read(tree, "config")
        fitting = [v for v in range(max(self.config, 1), newest + 1)
                   if data == content(TAG_CONFIG + v, 0, 1000 + v % 7 * 1500)]
        require(fitting, f"config: neither version {self.config} nor {newest}, {len(data)} bytes: {data[:64]!r}")

    def check_slots(self, tree, pending):
        data = self.read(tree, "slots")
        require(len(data) == SLOT * SLOTS, f"slots: {len(data)} bytes")
        for slot in range(SLOTS):
            piece = data[slot * SLOT:(slot + 1) * SLOT]
            versions = [self.slots.get(slot, 0)] + ([pending[1]] if slot == pending[0] else [])
            allowed = [content(TAG_SLOT + v, 0, SLOT) if v else bytes(SLOT) for v in versions]
            require(piece in allowed, f"slot {slot}: not version {versions}: {piece[:64]!r}")

    def check_dirs(self, tree, names, pending, numbers):
        touched = numbers[0] if pending in ("d", "e") else None
        for number in self.dirs - {touched}:
            require(self.read(tree, f"d{number}/x") == content(number, 0, 700), f"d{number}/x: other bytes")
        extra = {n for n in names if re.fullmatch(r"d\d+", n)} - {f"d{n}" for n in self.dirs} - {f"d{touched}"}
        require(not extra, f"directories that were removed or never made: {extra}")


# --- machines ------------------------------------------------------------------------------------------------------


def archive(path, program, args):
    with open(SERVICES, encoding="utf-8") as f:
        nodes = manifest.compile_exec(f.read(), SERVICES, "bin/program", args, GRANTS, "cuts")
    files = {"etc/manifest": manifest.encode(nodes)}
    for name in {"bin/init"} | {node["program"] for node in nodes} - {"bin/program"}:
        with open(os.path.join(PROGRAMS, name), "rb") as f:
            files[name] = f.read()
    with open(program, "rb") as f:
        files["bin/program"] = f.read()
    with open(path, "wb") as f:
        f.write(bootfs.pack(files))
    return path


def make_disk(path, choice):
    """A small file system: its journal comes round, and groups fill up."""
    block = choice.choice((1024, 1024, 2048, 4096))
    with open(path, "wb") as f:
        f.truncate(choice.choice((16, 24, 40)) << 20)
    journal = {1024: 1, 2048: 2, 4096: 4}[block]
    status, output = host("mke2fs", "-q", "-F", "-t", "ext2", "-j", "-J", f"size={journal}", "-b", str(block), path)
    if status:
        raise OSError(output)


def run_until_cut(name, disk, choice, seed):
    """Boots, lets the program work for a random time, kills; the lines that came."""
    path = archive(os.path.join(FOLDER, name + ".img"), WORKLOAD, ["workload", str(seed)])
    said = os.path.join(FOLDER, name + ".said")
    with open(said, "wb"):
        pass  # an earlier run may have left one
    options = vm.Options(smp=choice.choice((1, 1, 2)), disk=disk, archive=path, nic=False, mem=96)
    # To a file: QEMU writes each byte at once, while those for a socket may still be its own when it is killed.
    with vm.Machine(options, os.path.join(FOLDER, name + ".log"), com2_file=said) as machine:
        deadline = time.monotonic() + 60
        while b"ready\n" not in read(said):
            require(machine.process.poll() is None and time.monotonic() < deadline,
                    "the program did not start: " + machine.tail(20))
            time.sleep(0.02)
        time.sleep(choice.choice((0.3, 1, 3, 6)) * choice.random())
        machine.end()
        require(not vm.PANIC.search(machine.log), "the kernel panicked: " + machine.tail(30))
    return read(said).decode("ascii", "replace").partition("ready\n")[2].split("\n")[:-1]


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return b""


def replay_on_host(disk):
    status, output = host("e2fsck", "-p", disk)
    strange = [line for line in output.splitlines() if not HARMLESS.match(line)]
    require(status in (0, 1) and not strange, f"e2fsck -p had to mend (status {status}): {strange or output}")


def replay_in_guest(name, disk):
    """The next boot mends it; a program that does nothing ends in good order."""
    path = archive(os.path.join(FOLDER, name + ".img"), HELLO, ["hello"])
    options = vm.Options(disk=disk, archive=path, nic=False, mem=96)
    with vm.Machine(options, os.path.join(FOLDER, name + "-after.log"), com2=True) as machine:
        told, status = machine.wait_end(60)
        require(told and status == 0, "the boot after the cut failed: " + machine.tail(30))
        found = re.search(rb"ext2: replayed .* in (\d+) ms", machine.log)
    return int(found.group(1)) if found else None


def extract(disk, folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    status, output = host("debugfs", "-R", f"rdump / {folder}", disk)
    require(status == 0, output)


def one_cut(seed, keep=False):
    """The number of acknowledged operations, and how long a replay in the guest took (ms) or None."""
    choice = random.Random(seed)
    name = f"cut{seed}"
    disk, tree = os.path.join(FOLDER, name + ".raw"), os.path.join(FOLDER, name)
    make_disk(disk, choice)
    lines = run_until_cut(name, disk, choice, seed)
    model = Model()
    took = None
    for line in lines:
        require(not line.startswith("FAILED"), f"the program met an error: {line}")
        model.take(line)
    shutil.copyfile(disk, disk + ".cut")
    if choice.random() < 0.5:
        replay_on_host(disk)
    else:
        took = replay_in_guest(name, disk)
    status, output = host("e2fsck", "-fn", disk)
    require(status == 0, f"after the replay {'in the guest' if took is not None else 'on the host'}: {output}")
    extract(disk, tree)
    model.check(tree)
    if not keep:
        shutil.rmtree(tree, ignore_errors=True)
        for suffix in (".raw", ".raw.cut", ".img", ".log", ".said", "-after.log"):
            if os.path.exists(os.path.join(FOLDER, name + suffix)):
                os.remove(os.path.join(FOLDER, name + suffix))
    return sum(line[:1].isupper() for line in lines), took


# --- many ----------------------------------------------------------------------------------------------------------


def read_done(path):
    try:
        with open(path, encoding="ascii") as f:
            return {int(line) for line in f}
    except FileNotFoundError:
        return set()


def many(count, jobs, again):
    path = os.path.join(FOLDER, "done")
    if again and os.path.exists(path):
        os.remove(path)
    done = read_done(path)
    todo = [seed for seed in range(1, count + 1) if seed not in done]
    if done:
        print(f"  {count - len(todo)} of {count} were made before (--again forgets them)")
    failures = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool, open(path, "a", encoding="ascii") as keep:
        running = {pool.submit(one_cut, seed): seed for seed in todo}
        for number, future in enumerate(concurrent.futures.as_completed(running), count - len(todo) + 1):
            seed = running[future]
            try:
                acknowledged, took = future.result()
            except (Violation, OSError, vm.MachineError, subprocess.SubprocessError) as error:
                failures.append(seed)
                print(f"  cut {seed}: FAILED: {error}", flush=True)
                continue
            keep.write(f"{seed}\n")
            keep.flush()
            replay = "replayed by the host" if took is None else f"replayed by itself in {took} ms"
            print(f"  {number}/{count} cut {seed}: {acknowledged} acknowledged, {replay}", flush=True)
    print(f"{count - len(failures)} cuts of {count} passed")
    if failures:
        print(f"failed: {' '.join(map(str, failures))} (build/cuts/cutN.raw.cut is the disk as it was)")
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(description="Kills machines at random instants and checks their disks.")
    parser.add_argument("--count", type=int, default=200, metavar="N", help="cuts (200)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="at once (2)")
    parser.add_argument("--again", action="store_true", help="from the first on")
    parser.add_argument("--seed", type=int, metavar="N", help="only this one")
    args = parser.parse_args()
    os.makedirs(FOLDER, exist_ok=True)
    if args.seed is None:
        return many(args.count, args.jobs, args.again)
    try:
        print(one_cut(args.seed, keep=True))
    except Violation as error:
        print(f"cut {args.seed}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
