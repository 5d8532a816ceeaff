#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Ours and Linux, turn about in the same virtual machine, in wall time:  beside.py [calls|disk] [ROUNDS]

The programs tests/bench/beside_*.c run on both and print lines `WHAT: NUMBER UNIT`; the best of the rounds counts.
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
PROGRAMS = {"calls": "/tmp", "disk": "/disk"}  # and where they work on Linux


def fresh_disk(folder):
    path = os.path.join(folder, "disk.img")
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext2", "-j", path, "128M"], check=True, stdout=subprocess.DEVNULL)
    return path


def on_linux(name, disk):
    program = f"beside_{name}"
    script = f"{program} {PROGRAMS[name]}"
    with linux.Guest("beside", script, [os.path.join(HERE, program + ".c")], disk=disk, nic=False) as guest:
        return guest.finish(300)


def on_ours(name, disk):
    program = f"beside_{name}"
    done = subprocess.run([os.path.join(ROOT, "tools", "vm"), "exec", "--mem", "256", "--disk", disk,
                           "--timeout", "300", "--grants", os.path.join(HERE, program + ".yaml"),
                           os.path.join(ROOT, "build", "user", program)],
                          check=True, capture_output=True, text=True)
    return done.stdout


def measure(results, text):
    """Keeps the best number of each line in RESULTS: {what: (number, unit)}."""
    for what, number, unit in LINE.findall(text.replace("\r", "")):
        pick = min if unit == "us" else max
        old = results.get(what, (float(number), unit))[0]
        results[what] = (pick(old, float(number)), unit)


def compare(name, rounds):
    theirs, ours = {}, {}
    for _ in range(rounds):
        for run, results in ((on_linux, theirs), (on_ours, ours)):
            with tempfile.TemporaryDirectory() as folder:
                measure(results, run(name, fresh_disk(folder)))
    for what, (number, unit) in ours.items():
        other = theirs[what][0]
        ratio = number / other if unit == "us" else other / number
        print(f"{what:32}{number:10.2f}{other:10.2f} {unit:5} {ratio:.2f}")


def main():
    names = [name for name in sys.argv[1:] if name in PROGRAMS] or list(PROGRAMS)
    rounds = [int(word) for word in sys.argv[1:] if word.isdigit()] or [3]
    print(f"{'':32}{'Tessera':>10}{'Linux':>10}  ratio (below 1: we are faster)")
    for name in names:
        compare(name, rounds[0])


main()
