# SPDX-License-Identifier: BSD-2-Clause
"""Bombs in a job leave a neighbour's round trips within 10 %, counted in instructions."""

import os
import subprocess

import pytest

from tessera import vm


@pytest.mark.parametrize("arguments", [["strict"], ["strict", "unlimited"]], ids=["limited", "unlimited"])
def test_neighbour_is_not_disturbed(arguments):
    command = [os.path.join(vm.ROOT, "tools", "vm"), "exec", "--icount", "--timeout", "100",
               "--log", os.path.join(vm.LOGS, f"scenario-bombs-{arguments[-1]}.log"),
               "--grants", os.path.join(vm.ROOT, "tests", "guest", "test_bombs.yaml"),
               os.path.join(vm.ROOT, "build", "user", "test_bombs"), *arguments]
    done = subprocess.run(command, capture_output=True, cwd=vm.ROOT, check=False, timeout=150, text=True)
    failed = [line for line in done.stdout.splitlines() if not line.startswith("ok")]
    assert done.returncode == 0, "\n".join(failed)
