# SPDX-License-Identifier: BSD-2-Clause
"""Whatever a connection took is given back when it ends."""

import re
import time

from shell import TcpShell

OPTIONS = {"smp": 1}
ROUNDS = 200
WARM_UP = 2 * ROUNDS + 40
TIME_WAIT = 62  # seconds: what services/net keeps a closed connection


def counters(console):
    """The kernel's counters by name: free frames, and the objects of each class."""
    text = console.run("cat jobs/usage")
    found = {name: int(value) for name, value in re.findall(r"^([\w./-]+):?[ \t]+(\d+)\b", text, re.MULTILINE)}
    assert found, f"no counters in: {text!r}"
    return {name: value for name, value in found.items() if not re.search(r"cpu|time|uptime", name)}


def settle(console, wanted, timeout):
    """Reads the counters until they are as WANTED or time runs out; the last ones read."""
    deadline = time.monotonic() + timeout
    while True:
        now = counters(console)
        if now == wanted or time.monotonic() > deadline:
            return now
        time.sleep(0.5)


def one_round(port, i):
    with TcpShell(port) as shell:
        if i % 4 == 0:
            assert shell.run("echo x > home/leak; ") is not None
            shell.run("rm home/leak")
        if i % 2:
            shell.send(b"exit\n")
            assert shell.at_end()


def test_200_connections_leave_nothing_behind(machine, console):
    """The first rounds raise every high-water mark; after them, and TIME_WAIT, nothing may grow any more.

    A heap may still take a page once, so there are two tries: a leak shows in both.
    """
    port = machine.port(26)
    for i in range(WARM_UP):
        one_round(port, i)
    time.sleep(TIME_WAIT)
    changed = []
    for _ in range(2):
        before = counters(console)
        for i in range(ROUNDS):
            one_round(port, i)
        after = settle(console, before, 5)
        changed.append({name: (before[name], after[name]) for name in before if before[name] != after[name]})
        if not changed[-1]:
            return
    assert False, f"not given back (before, after): {changed}"
