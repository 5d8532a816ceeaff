# SPDX-License-Identifier: BSD-2-Clause
"""The shell on the serial console."""

import re

OPTIONS = {"smp": 1}


def test_same_shell(console):
    listed = console.run("fds")
    for name in ("terminal", "home", "programs", "jobs", "log", "power"):
        assert re.search(rf"\b{name}\b", listed), name
    assert not re.search(r"\blistener\b|\bserial\b|\bpci\b", listed)


def test_files(console):
    console.run("echo from the console > home/c")
    assert console.run("cat home/c") == "from the console"
    console.run("rm home/c")


def test_line_editing(console):
    console.send(b"echo wrung\x7f\x7f\x7f\x7fong\x7f\x7f\x7fight\n")
    console.expect(rb"\nwight\r?\n", 10)


def test_exit_gives_a_new_shell(machine, console):
    mark = machine.mark()
    console.send(b"exit\n")
    machine.wait_log(rb"init: shell: started", 10, mark)
    console.wait_quiet()
    assert console.run("echo again") == "again"


def test_power_off(machine, console):
    console.send(b"echo off 7 > power\n")
    assert machine.wait_end(15) == (True, 7)
