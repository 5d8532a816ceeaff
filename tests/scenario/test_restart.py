# SPDX-License-Identifier: BSD-2-Clause
"""Services die, are started again, and their clients get errors and not hangs."""

import pytest

from shell import ShellClosed, TcpShell

OPTIONS = {"smp": 2}


def kill(machine, console, name):
    """Kills the process of a node of the manifest, and waits until init has started it again."""
    mark = machine.mark()
    processes = [p for p in console.run(f"ls jobs/{name}/procs").split() if len(p) >= 32]
    assert processes, f"no process of {name} in the jobs directory"
    for process in processes:
        console.run(f"echo kill 10 > jobs/{name}/procs/{process}/ctl")
    machine.wait_log(rb"init: " + name.encode() + rb": signal 10", 10, mark)
    machine.wait_log(rb"init: " + name.encode() + rb": started", 10, mark)


def test_tmpfs_is_restarted(machine, console):
    with TcpShell(machine.port(26)) as shell:
        shell.run("echo before > home/file")
        assert shell.run("cat home/file") == "before"
        kill(machine, console, "tmpfs")
        # The files are gone with the memory that they were in; the directory itself answers again or says why not.
        answer = shell.run("cat home/file", 15)
        assert "before" not in answer
        assert shell.run("echo alive", 15) == "alive"
    assert console.run("echo console") == "console"


def test_new_shells_work_after_the_restart(machine, console):
    with TcpShell(machine.port(26)) as shell:
        shell.run("mkdir home")
        shell.run("echo again > home/again")
        assert shell.run("cat home/again") == "again"


def test_net_is_restarted(machine, console):
    old = TcpShell(machine.port(26))
    kill(machine, console, "net")
    with TcpShell(machine.port(26), timeout=40) as shell:
        assert shell.run("echo new") == "new"
    try:
        old.send(b"echo old\n")
        assert old.at_end(15)
    except (OSError, ShellClosed):
        pass
    old.close()


@pytest.mark.parametrize("name", ["netshell", "power"])
def test_others_are_restarted(machine, console, name):
    kill(machine, console, name)
    with TcpShell(machine.port(26), timeout=40) as shell:
        assert shell.run("echo back") == "back"


def test_being_killed_is_no_failure(machine, console):
    """More often than init lets a node fail in short lives before it gives it up."""
    for _ in range(12):
        kill(machine, console, "tmpfs")
    console.run("echo still > home/there")
    assert console.run("cat home/there") == "still"
    assert b"given up" not in machine.log


def test_console_is_restarted(machine, console):
    """Its shell loses the terminal, ends, and is there again with the next one."""
    process = next(p for p in console.run("ls jobs/console/procs").split() if len(p) >= 32)
    mark = machine.mark()
    console.send(f"echo kill > jobs/console/procs/{process}/ctl\n".encode())
    for line in (rb"init: console: started", rb"init: shell: started", rb"tessera> "):
        machine.wait_log(line, 20, mark)
    console.wait_quiet()
    assert console.run("echo again") == "again"
