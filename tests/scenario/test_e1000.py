# SPDX-License-Identifier: BSD-2-Clause
"""The network over an Intel 82540EM."""

import hashlib
import os

import pytest

import image
from shell import ConsoleShell
from test_web import BIG, FILES, curl
from tessera import vm


@pytest.fixture(scope="module")
def machine():
    options = vm.Options(forwards=[(0, 80), (0, 81)], archive=image.make("web", FILES), card="e1000")
    with vm.Machine(options, os.path.join(vm.LOGS, "scenario-e1000.log")) as started:
        started.wait_log(rb"net: eth0 has address 10\.0\.2\.15")
        yield started
        assert not vm.PANIC.search(started.log), started.tail()


@pytest.fixture(scope="module")
def console(machine):
    return ConsoleShell(machine)


def test_ping(machine, console):
    console.run("run ping net=net:rw -c 3 -i 500 10.0.2.2")  # the card hears nothing in its first second
    assert "5 sent, 5 came back" in console.run("run ping net=net:rw -c 5 -i 100 -s 4000 10.0.2.2")


def test_large_files_are_whole(machine, console):
    for _ in range(5):
        assert hashlib.sha256(curl(machine, "/big.bin")[2]).digest() == hashlib.sha256(BIG).digest()
    stats = dict(line.split() for line in console.run("cat net/if/eth0/stats").splitlines())
    assert int(stats["sent_bytes"]) > 5 * len(BIG)


def test_many_requests(machine):
    for i in range(50):
        assert curl(machine, "/style.css" if i % 2 else "/list/")[0] == 200
