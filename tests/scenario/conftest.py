# SPDX-License-Identifier: BSD-2-Clause
"""Machines for scenario tests. A module boots one machine (its OPTIONS say which) and all its tests use it.

The serial log is kept in build/logs/scenario-MODULE.log; a kernel panic fails the test that sees it.
"""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "tools"))

from tessera import vm  # noqa: E402
from shell import ConsoleShell, TcpShell  # noqa: E402

NETWORK_SHELL = 26


def boot(name, **options):
    """Starts a machine with the default image; port 26 can be reached."""
    options.setdefault("forwards", [(0, NETWORK_SHELL)])
    return vm.Machine(vm.Options(**options), os.path.join(vm.LOGS, f"scenario-{name}.log"))


@pytest.fixture(scope="module")
def machine(request):
    name = request.module.__name__.removeprefix("test_")
    with boot(name, **getattr(request.module, "OPTIONS", {})) as started:
        yield started
        assert not vm.PANIC.search(started.log), started.tail()


@pytest.fixture
def shell(machine):
    """A fresh connection to the network shell."""
    with TcpShell(machine.port(NETWORK_SHELL)) as connected:
        yield connected


@pytest.fixture(scope="module")
def console(machine):
    """The shell on the console."""
    return ConsoleShell(machine)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the end of the kernel log."""
    outcome = yield
    report = outcome.get_result()
    used = item.funcargs.get("machine") if hasattr(item, "funcargs") else None
    if report.failed and used is not None:
        report.sections.append(("kernel log", used.tail(40)))
