# SPDX-License-Identifier: BSD-2-Clause
"""The network shell as somebody on another machine meets it."""

import re
import time

import pytest

from shell import TcpShell

OPTIONS = {"smp": 2}


def test_fds_lists_exactly_what_was_granted(shell):
    names = {line.split()[0] for line in shell.run("fds").splitlines() if line.strip()}
    listed = shell.run("fds")
    for name in ("terminal", "home", "programs"):
        assert name in names or name in listed
    for name in ("listener", "jobs", "power", "net", "serial", "log"):
        assert not re.search(rf"\b{name}\b", listed)


def test_fds_shows_types_and_rights(shell):
    listed = shell.run("fds")
    home = next(line for line in listed.splitlines() if re.search(r"\bhome\b", line))
    assert "dir" in home
    assert "FILE_OPEN" in home


def test_files_can_be_made_read_moved_and_removed(shell):
    assert shell.run("echo hello world > home/greeting") == ""
    assert shell.run("cat home/greeting") == "hello world"
    assert "greeting" in shell.run("ls home")
    shell.run("mkdir home/sub")
    shell.run("cp home/greeting home/sub/copy")
    assert shell.run("cat home/sub/copy") == "hello world"
    shell.run("mv home/sub/copy home/sub/moved")
    assert shell.run("ls home/sub").split() == ["moved"]
    shell.run("rm home/sub/moved")
    assert shell.run("ls home/sub") == ""
    shell.run("rm home/sub")
    shell.run("rm home/greeting")
    assert "greeting" not in shell.run("ls home")


def test_files_are_shared_between_connections(machine, shell):
    shell.run("echo shared > home/shared")
    with TcpShell(machine.port(26)) as other:
        assert other.run("cat home/shared") == "shared"
    shell.run("rm home/shared")


def test_writing_to_programs_is_refused_with_the_missing_right(shell):
    answer = shell.run("echo x > programs/shell")
    assert re.search(r"right|not granted|ENOTCAPABLE|capab", answer, re.IGNORECASE)
    assert re.search(r"fd_write|write|create", answer, re.IGNORECASE)


def test_a_refused_move_names_the_side_that_refuses(shell):
    shell.run("echo x > home/moved")
    assert re.search(r"`programs/.*FILE_RENAME_TARGET.*`programs`", shell.run("mv home/moved programs/moved"))
    assert re.search(r"`programs/.*FILE_RENAME_SOURCE.*`programs`", shell.run("mv programs/hello home/hello"))
    assert re.search(r"`home/../../x`", shell.run("mv home/moved home/../../x"))
    assert "granted" in shell.run("rm home")
    assert shell.run("cat home/moved") == "x"


def test_unknown_name_is_refused(shell):
    assert re.search(r"jobs", shell.run("cat jobs/usage"))
    assert re.search(r"not granted|no grant|was not", shell.run("cat jobs/usage"), re.IGNORECASE)


def test_unknown_command_and_help(shell):
    assert shell.run("nonsense") != ""
    help_text = shell.run("help")
    for verb in ("fds", "ls", "cat", "echo", "mkdir", "rm", "mv", "cp", "run", "help", "exit"):
        assert re.search(rf"\b{verb}\b", help_text), verb


def test_exit_closes_the_connection(shell):
    shell.send(b"exit\n")
    assert shell.at_end()


def test_many_at_once(machine):
    shells = [TcpShell(machine.port(26)) for _ in range(5)]
    try:
        for i, one in enumerate(shells):
            one.run(f"echo {i} > home/at-once-{i}")
        for i, one in enumerate(shells):
            assert one.run(f"cat home/at-once-{(i + 1) % 5}") == str((i + 1) % 5)
        for i, one in enumerate(shells):
            one.run(f"rm home/at-once-{i}")
    finally:
        for one in shells:
            one.close()


def test_long_line_and_binary_rubbish_do_no_harm(machine):
    for rubbish in (b"A" * 200000 + b"\n", bytes(range(256)) * 40 + b"\n", b"\xff\xf4\xff\xfd\x06\n", b"|||>><<\n",
                    b"'\"\\\n", b"cat home/" + b"a/" * 3000 + b"\n"):
        one = TcpShell(machine.port(26))
        try:
            one.send(rubbish)
            time.sleep(0.05)
        except OSError:
            pass
        one.close()
    with TcpShell(machine.port(26)) as again:
        assert again.run("echo alive") == "alive"


def test_pipes_between_programs(shell):
    shell.run("echo one two > home/words")
    assert shell.run("cat home/words | cat") == "one two"
    shell.run("rm home/words")


@pytest.mark.parametrize("size", [1, 1000, 20000])
def test_output_is_complete(shell, size):
    shell.run("echo " + "x" * 200 + " > home/big")
    lines = max(1, size // 200)
    text = shell.run("; ".join(["cat home/big"] * 1))
    assert text == "x" * 200
    for _ in range(min(lines, 20)):
        assert shell.run("cat home/big") == "x" * 200
    shell.run("rm home/big")
