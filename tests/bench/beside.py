#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Ours and Linux, turn about in the same virtual machine, in wall time:  beside.py [calls|disk|net ...] [ROUNDS]

The programs tests/bench/beside_*.c run on both and print lines `WHAT: NUMBER UNIT`; the best of the rounds counts, and
the ratio is that of the bests.  MB/s should be more, us less.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from tessera import linux, vm  # noqa: E402

LINE = re.compile(r"^(.+): ([0-9.]+) (\S+)$", re.MULTILINE)
POUR = bytes(1 << 18)
NETWORK = "ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; "


def on_linux(name, argument, prepare="", **options):
    program = f"beside_{name}"
    script = f"{prepare}{program} {argument}"
    with linux.Guest("beside", script, [os.path.join(HERE, program + ".c")], **options) as guest:
        return guest.finish(300)


def on_ours(name, arguments=(), options=()):
    program = f"beside_{name}"
    subprocess.run(["make", "-s", "boot", f"build/user/{program}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run([os.path.join(ROOT, "tools", "vm"), "exec", "--mem", "256", *options,
                           "--timeout", "300", "--grants", os.path.join(HERE, program + ".yaml"),
                           os.path.join(ROOT, "build", "user", program), *arguments],
                          check=True, capture_output=True, text=True)
    return done.stdout


class Files:
    """A program that works in one directory: PLACE on Linux. Each run has a fresh disk."""

    def __init__(self, name, place):
        self.name, self.place = name, place

    def run(self, ours):
        with tempfile.TemporaryDirectory() as folder:
            disk = os.path.join(folder, "disk.img")
            subprocess.run(["mke2fs", "-q", "-F", "-t", "ext2", "-j", disk, "128M"], check=True,
                           stdout=subprocess.DEVNULL)
            if ours:
                return on_ours(self.name, options=["--disk", disk])
            return on_linux(self.name, self.place, disk=disk, nic=False)


class Net:
    """A peer on the host, which does what the first byte of a connection says (beside_net.c)."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = str(self.listener.getsockname()[1])
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()

    @staticmethod
    def serve(client):
        room = bytearray(len(POUR))
        with client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            what = client.recv(1)
            try:
                while what == b"i":
                    client.sendall(POUR)
                while (got := client.recv_into(room)) > 0:
                    if what == b"e":
                        client.sendall(room[:got])
                client.sendall(b"x")
            except OSError:
                pass

    def run(self, ours):
        return on_ours("net", [self.port]) if ours else on_linux("net", self.port, NETWORK)


def measure(results, text):
    """Keeps the best number of each line in RESULTS: {what: (number, unit)}."""
    for what, number, unit in LINE.findall(text.replace("\r", "")):
        pick = min if unit == "us" else max
        old = results.get(what, (float(number), unit))[0]
        results[what] = (pick(old, float(number)), unit)


def compare(subject, rounds):
    theirs, ours = {}, {}
    for _ in range(rounds):
        measure(theirs, subject.run(ours=False))
        measure(ours, subject.run(ours=True))
    for what, (number, unit) in ours.items():
        other = theirs[what][0]
        ratio = number / other if unit == "us" else other / number
        print(f"{what:32}{number:10.2f}{other:10.2f} {unit:5} {ratio:.2f}", flush=True)


def main():
    subjects = {"calls": lambda: Files("calls", "/tmp"), "disk": lambda: Files("disk", "/disk"), "net": Net}
    names = [name for name in sys.argv[1:] if name in subjects] or list(subjects)
    rounds = [int(word) for word in sys.argv[1:] if word.isdigit()] or [3]
    print(f"{'':32}{'Tessera':>10}{'Linux':>10}  ratio (below 1: we are faster)")
    for name in names:
        compare(subjects[name](), rounds[0])


if __name__ == "__main__":
    main()
