#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""How long from power-on to a prompt that answers on TCP, from the ISO image:  boot.py [ROUNDS]

A connection is tried every 20 ms, because QEMU takes one before the guest listens and then asks the guest again only
after seconds. The time of the first that answers a command counts.
"""

import os
import select
import socket
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from tessera import vm  # noqa: E402

ISO = os.path.join(ROOT, "build", "tessera.iso")
COMMAND, ANSWER = b"echo it-is-up\n", b"it-is-"
LIMIT = 30


def first_answer(port, started):
    """Seconds until a command was answered."""
    open_ones, seen = [], {}
    try:
        while time.monotonic() - started < LIMIT:
            try:
                one = socket.create_connection(("127.0.0.1", port), timeout=1)
                one.sendall(COMMAND)
                open_ones.append(one)
            except OSError:
                pass
            end = time.monotonic() + 0.02
            while (left := end - time.monotonic()) > 0:
                for one in select.select(open_ones, [], [], left)[0]:
                    try:
                        data = one.recv(4096)
                    except OSError:
                        data = b""
                    seen[one] = seen.get(one, b"") + data
                    if ANSWER in seen[one]:
                        return time.monotonic() - started
                    if not data:
                        open_ones.remove(one)
                        one.close()
        raise SystemExit("no answer on TCP")
    finally:
        for one in open_ones:
            one.close()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    times = []
    for _ in range(rounds):
        options = vm.Options(iso=ISO, forwards=[(0, 26)])
        with vm.Machine(options, os.path.join(vm.LOGS, "bench-boot.log")) as machine:
            times.append(first_answer(machine.options.forwards[0][0], machine.started))
    times.sort()
    print(f"boot from the ISO to an answer on TCP: best {times[0]:.2f} s, median {times[len(times) // 2]:.2f} s")


main()
