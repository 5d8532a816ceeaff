# SPDX-License-Identifier: BSD-2-Clause
"""Under load the network service makes no system call for a frame: it waits for many at once.

Counted in the kernel, by the trace of the service's process, while a peer on the host is sent and sends 16 MiB.
"""

import os
import re
import subprocess
import sys

import pytest

from tessera import vm

sys.path.insert(0, os.path.join(vm.ROOT, "tests", "bench"))

from beside import Net  # noqa: E402

PROGRAM = os.path.join(vm.ROOT, "build", "user", "frames")
GRANTS = os.path.join(vm.ROOT, "tests", "peer", "frames.yaml")


@pytest.mark.parametrize("card", ["virtio", "e1000"])
def test_calls(card):
    command = [os.path.join(vm.ROOT, "tools", "vm"), "exec", "--timeout", "120", "--card", card, "--smp", "2",
               "--log", os.path.join(vm.LOGS, "scenario-frames.log"), "--grants", GRANTS, PROGRAM, Net().port]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    counts = re.findall(r"^(out|in): (\d+) frames, (\d+) calls", done.stdout, re.MULTILINE)
    assert [name for name, _, _ in counts] == ["out", "in"], done.stdout + done.stderr
    for name, frames, calls in counts:
        assert int(frames) > 8000, f"{name}: {frames} frames for 16 MiB"
        assert int(calls) * 2 < int(frames), f"{name}: {calls} calls for {frames} frames"
