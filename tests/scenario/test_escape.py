# SPDX-License-Identifier: BSD-2-Clause
"""A shell tries to get at what it was not granted."""

import re

import pytest

OPTIONS = {"smp": 1}
REFUSED = re.compile(r"not granted|no grant|refused|capab|right|no such|not permitted|cannot", re.IGNORECASE)
SECRETS = re.compile(r"ELF|TESSBOOT|manifest|com1")


@pytest.fixture(autouse=True)
def inside(shell):
    shell.run("mkdir home/jail")
    yield
    shell.run("rm home/jail")


@pytest.mark.parametrize("path", [
    "home/..", "home/../..", "home/../etc/manifest", "home/jail/../../x", "/etc/manifest", "/", "..", "../boot",
    "home//..//..", "home/./../../boot", "programs/..", "programs/../etc/manifest", "home/jail/../jail/../../secret",
])
def test_no_way_up(shell, path):
    for command in (f"ls {path}", f"cat {path}", f"echo x > {path}/owned", f"mkdir {path}/owned", f"rm {path}/owned"):
        answer = shell.run(command)
        assert not SECRETS.search(answer.replace(path, "")), (command, answer)
        assert REFUSED.search(answer), (command, answer)


@pytest.mark.parametrize("path", ["home/jail/..", "home/jail/../jail", "home/./jail", "home//jail"])
def test_what_stays_inside_is_allowed(shell, path):
    assert not REFUSED.search(shell.run(f"ls {path}"))


@pytest.mark.parametrize("target", ["..", "../..", "../../etc/manifest", "/etc/manifest", "/", "jail/../../x"])
def test_symlinks_do_not_lead_out(shell, target):
    answer = shell.run(f"ln -s {target} home/link")
    assert "unknown" not in answer.lower(), "the shell has no ln: this can not be tested"
    for command in ("ls home/link/", "cat home/link/x", "cat home/link", "echo x > home/link"):
        answer = shell.run(command)
        assert not SECRETS.search(answer), (command, answer)
        assert REFUSED.search(answer) or "loop" in answer.lower() or "director" in answer.lower(), (command, answer)
    shell.run("rm home/link")


@pytest.mark.parametrize("name", ["boot", "pci", "jobs", "log", "power", "serial", "fault", "net", "listener", "tmpfs"])
def test_names_that_were_not_granted(shell, name):
    for command in (f"ls {name}", f"cat {name}", f"echo off 0 > {name}"):
        assert REFUSED.search(shell.run(command)), command


def test_a_program_gets_only_what_is_named(shell):
    """`run` without grants: the program cannot see home."""
    answer = shell.run("run programs/shell")
    assert "home" not in answer or REFUSED.search(answer)
