# SPDX-License-Identifier: BSD-2-Clause
"""The network under load, in a machine with 64 MiB: floods, a thousand connections, slow readers."""

import os
import random
import re
import threading
import time

import pytest

import image
import tcp
import wire
from shell import ConsoleShell
from tessera import vm

ECHO, DISCARD, HOLD, DROP, SOURCE = 7, 9, 10, 11, 19  # tests/peer/netload.c
PORTS = 40                                           # load.yaml


@pytest.fixture(scope="module")
def cable():
    made = wire.Wire()
    yield made
    made.close()


@pytest.fixture(scope="module")
def network(cable):
    return tcp.Network(cable)


@pytest.fixture(scope="module")
def machine(cable):
    with open(os.path.join(vm.ROOT, "build", "user", "netload"), "rb") as program:
        archive = image.make("load", {"bin/netload": program.read()})
    options = vm.Options(nic=False, extra=cable.options(), mem=64, archive=archive,
                         smp=int(os.environ.get("LOAD_CPUS", "1")))
    with vm.Machine(options, os.path.join(vm.LOGS, "scenario-load.log")) as started:
        started.wait_log(rb"net: eth0 has address 192\.0\.2\.15")
        started.wait_log(rb"netload: listening")
        yield started
        assert not vm.PANIC.search(started.log), started.tail()


@pytest.fixture(scope="module")
def console(machine):
    return ConsoleShell(machine)


def stats(console):
    return {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", console.run("cat net/if/eth0/stats"))}


def flood(cable, count, port, stop):
    """COUNT requests from addresses all over the world; a hundred at a time, so that they arrive."""
    chance = random.Random(1)
    for i in range(count):
        if stop.is_set():
            return
        source = f"198.{chance.choice((18, 19))}.{chance.randrange(256)}.{chance.randrange(256)}"
        syn = tcp.segment(source, chance.randrange(1024, 65536), wire.GUEST, port, chance.randrange(1 << 32), 0,
                          tcp.SYN, options=b"\2\4\5\xb4")
        cable.send4(6, syn, source)
        if i % 100 == 99:
            time.sleep(0.02)


def test_syn_flood(cable, machine, console, network):
    """Whoever means it gets through all the time, and nothing is kept of those who do not."""
    stop = threading.Event()
    attack = threading.Thread(target=flood, args=(cable, 20000, ECHO, stop))
    attack.start()
    try:
        slowest = served = 0
        while attack.is_alive():
            begin = time.monotonic()
            end = network.connect(ECHO)
            assert network.echo(end, random.Random(served).randbytes(3000))
            with network.lock:
                end.reset()
            slowest = max(slowest, time.monotonic() - begin)
            served += 1
    finally:
        stop.set()
        attack.join()
    answered = sum(protocol == 6 for protocol, _, _ in cable.packets)
    print(f"{served} connections, the slowest took {slowest:.3f} s; {answered} answers")
    assert served >= 10 and slowest < 2
    assert answered > 10000
    assert stats(console)["memory_peak"] < 1 << 20


def test_ports_run_out(machine, console):
    """Of the connections to one destination there are as many as ports; a closed one's can be used again at once."""
    output = console.run(f"run netload net=net:rw exhaust {PORTS}", 60)
    print(output)
    assert output.count("ok ") == 5 and "not ok" not in output and "1..5" in output
