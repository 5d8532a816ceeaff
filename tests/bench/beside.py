#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Ours and Linux, one after the other in the same virtual machine, in wall time:  beside.py [ROUNDS]

Each program tests/bench/beside_*.c runs on both and prints lines `WHAT: NUMBER UNIT`; the best of the rounds counts.
MB/s should be more, us less.
"""

import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from tessera import linux, vm  # noqa: E402

LINE = re.compile(r"^(.+): ([0-9.]+) (\S+)$", re.MULTILINE)


def fresh_disk(folder):
    path = os.path.join(folder, "disk.img")
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext2", "-j", path, "128M"], check=True, stdout=subprocess.DEVNULL)
    return path


def on_linux(disk):
    source = os.path.join(HERE, "beside_disk.c")
    with linux.Guest("beside", "beside_disk /disk", [source], disk=disk, nic=False) as guest:
        return guest.finish(300)


def on_ours(disk):
    done = subprocess.run([os.path.join(ROOT, "tools", "vm"), "exec", "--mem", "256", "--disk", disk, "--grants",
                           os.path.join(HERE, "beside_disk.yaml"), os.path.join(ROOT, "build", "user", "beside_disk")],
                          check=True, capture_output=True, text=True)
    return done.stdout


def best(rounds, run):
    """Of each line the best number: {what: (number, unit)}."""
    results = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for what, number, unit in LINE.findall(run(fresh_disk(folder)).replace("\r", "")):
                pick = min if unit == "us" else max
                old = results.get(what, (float(number), unit))[0]
                results[what] = (pick(old, float(number)), unit)
    return results


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    theirs, ours = best(rounds, on_linux), best(rounds, on_ours)
    print(f"{'':32}{'Tessera':>10}{'Linux':>10}  ratio (below 1: we are faster)")
    for what, (number, unit) in ours.items():
        other = theirs[what][0]
        ratio = number / other if unit == "us" else other / number
        print(f"{what:32}{number:10.1f}{other:10.1f} {unit:5} {ratio:.2f}")


main()
