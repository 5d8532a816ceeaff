# SPDX-License-Identifier: BSD-2-Clause
"""Addresses and servers from the manifest, and narrow parts of the network for a program."""

import os

import pytest

import image
import wire
from shell import ConsoleShell
from tessera import vm

NAMES = {"www.example.org": "198.51.100.7", "www.example.com": "198.51.100.8"}


@pytest.fixture(scope="module")
def cable():
    made = wire.Wire(names=NAMES, time_offset=-50000)
    yield made
    made.close()


@pytest.fixture(scope="module")
def machine(cable):
    options = vm.Options(nic=False, extra=cable.options("e1000,netdev=net0,romfile="), archive=image.make("static"))
    with vm.Machine(options, os.path.join(vm.LOGS, "scenario-static.log")) as started:
        started.wait_log(rb"net: eth0 has address 192\.0\.2\.15, gateway 192\.0\.2\.1")
        yield started
        assert not vm.PANIC.search(started.log), started.tail()


@pytest.fixture(scope="module")
def console(machine):
    return ConsoleShell(machine)


def test_the_clock(machine):
    found = machine.wait_log(rb"net: clock set by 192\.0\.2\.1!123, moved by (-?\d+) ms")
    assert abs(int(found.group(1)) / 1000 + 50000) < 30


def test_addresses(cable, machine, console):
    machine.wait_log(rb"net: eth0 has address 2001:db8:5:")
    assert cable.ping(wire.GUEST)
    assert cable.ping("2001:db8:5::99")
    listed = console.run("cat net/if/eth0/addr").split()
    assert {"192.0.2.15~24", "2001:db8:5::99~64"} <= set(listed)


def test_nobody_was_asked_for_addresses(cable, machine):
    assert cable.requests == []


def test_narrow_parts(machine, console):
    assert console.run("run resolve dns=dns:r www.example.org") == "resolved www.example.org -> 198.51.100.7"
    assert "ermission" in console.run("run resolve dns=dns:r www.example.com")
    assert "198.51.100.8" in console.run("run resolve net=net:rw www.example.com")
    assert "1 sent, 1 came back" in console.run("run ping icmp_echo=icmp_echo:rw -c 1 192.0.2.1")
    assert "apabilit" in console.run("run ping icmp_echo=icmp_echo:rw -c 1 198.51.100.1")
