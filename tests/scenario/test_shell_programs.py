# SPDX-License-Identifier: BSD-2-Clause
"""Programs under the shell: grants, pipes, redirection, interruption, background; telnet."""

import re
import time

from shell import TcpShell

OPTIONS = {"smp": 2, "mem": 64}


def processes(console, node):
    """How many processes run in the job of a node of the manifest."""
    return sum(len(line) == 36 for line in console.run(f"ls jobs/{node}/procs").split())


def test_arguments_and_pipes(shell):
    assert shell.run("hello a 'b  c'").splitlines() == ["Hello from Tessera", "argument 1: a", "argument 2: b  c"]
    assert shell.run("echo one two | cat | wc") == "1 2 8"
    assert shell.run("help | grep mkdir | wc").split()[0] == "1"
    size = shell.run("cat programs/shell | wc").split()[2]
    assert shell.run("cat programs/shell > home/copy; cat home/copy | cat | cat | wc").split()[2] == size
    shell.run("rm home/copy")


def test_redirection(shell):
    shell.run("echo 1 > home/r; echo 2 >> home/r; hello >> home/r")
    assert shell.run("cat home/r").splitlines() == ["1", "2", "Hello from Tessera"]
    assert shell.run("wc < home/r") == "3 5 23"
    shell.run("echo short > home/r")
    assert shell.run("cat home/r") == "short"
    assert re.search("No such file", shell.run("wc < home/none"))
    shell.run("rm home/r")


def test_a_copied_program_runs(shell):
    shell.run("cp programs/hello home/mine")
    assert shell.run("home/mine") == "Hello from Tessera"
    shell.run("rm home/mine")


def test_grants_of_a_program_can_only_shrink(shell):
    assert re.search("not granted", shell.run("run hello x=jobs"))
    assert re.search("FD_WRITE", shell.run("run hello x=programs/hello:w"))
    assert shell.run("run hello x=home:r") == "Hello from Tessera"
    assert re.search("twice", shell.run("run hello x=home x=home"))


def test_directories(shell):
    shell.run("mkdir home/d home/e; echo 1 > home/d/x; mv home/d home/e; ln home/e/d/x home/y; ln -s e/d home/s")
    assert shell.run("ls home/e/d; cat home/y home/s/x; ls home/s/").splitlines() == ["x", "1", "1", "x"]
    assert shell.run("cd home/e/d; pwd; cat x; cd ..; pwd; ls; cd").splitlines() == ["home/e/d", "1", "home/e", "d"]
    assert re.search("refused", shell.run("cd home; cat ../home/y; cat ../../x; cd"))
    assert re.search(r"link .* s -> e/d", shell.run("ls -l home"))
    shell.run("rm home/s home/y; rm -r home/e")
    assert not set(shell.run("ls home").split()) & {"d", "e", "s", "y"}


def test_programs_that_crash(shell):
    assert re.search("ended by signal 13", shell.run("crash"))
    assert re.search("ended by signal 1$", shell.run("crash abort"))
    assert re.search("ended by signal 13", shell.run("crash stack"))
    assert shell.run("crash exit 3; echo on") == "on"


def test_interrupt(shell):
    for key in (b"\x03", b"\xff\xf4"):  # ^C, and telnet's interrupt
        for pause in range(1, 20):  # until the program runs, the key only drops what was typed
            shell.send(b"spin\n")
            time.sleep(0.1 * pause)
            shell.send(key + b"\necho -n\n")
            before, _ = shell.expect(rb"tessera> (?s:.*)tessera> (?s:.*)tessera> $", 10)
            if b"interrupted" in before:
                break
    assert shell.run("echo on") == "on"


def test_background(shell):
    assert re.search(r"\[1\] spin", shell.run("spin &"))
    assert re.search(r"\[1\] spin", shell.run("jobs"))
    shell.run("kill 1")
    assert shell.run("jobs") == ""


def test_telnet_options_are_refused(shell):
    shell.send(b"\xff\xfd\x01\xff\xfb\x1f\xff\xfd\x06\xff\xfa\x18\x01x\xff\xf0echo te\xff\xf1lnet\r\0")
    before, _ = shell.expect(rb"telnet\r?\n", 10)
    assert b"\xff\xfc\x01" in before and b"\xff\xfe\x1f" in before and b"\xff\xfb\x06" in before


def test_programs_end_with_the_connection(machine, console):
    with TcpShell(machine.port(26)) as shell:
        shell.run("spin &")
        shell.send(b"spin\n")
        assert processes(console, "netshell") >= 3
    for _ in range(100):
        if processes(console, "netshell") == 1:
            return
    assert processes(console, "netshell") == 1


def test_a_shell_within_a_shell(shell):
    shell.send(b"run programs/shell terminal=terminal:rw inner=home:r\n")
    shell.wait_prompt()
    shell.send(b"ls\n")
    before, _ = shell.expect(rb"inner\r?\n", 10)
    assert b"programs" not in before
    shell.wait_prompt()
    shell.send(b"echo x > inner/new\n")
    shell.expect(rb"refused: .*right.*\n", 10)
    shell.wait_prompt()
    shell.send(b"exit\n")
    shell.wait_prompt()
    assert shell.run("pwd; ls").splitlines()[1:] == ["terminal", "home", "programs"]


def test_a_full_file_system_harms_nobody_else(console, shell):
    shell.run("cp programs/net home/big")
    for _ in range(12):
        answer = shell.run("cat home/big home/big >> home/bigger; cp home/bigger home/big", 60)
        if answer:
            break
    assert re.search("No space left|Not enough space", answer)
    assert shell.run("hello") == "Hello from Tessera"
    assert console.run("echo on") == "on"
    shell.run("rm home/big home/bigger; echo again > home/again")
    assert shell.run("cat home/again; rm home/again") == "again"
