# SPDX-License-Identifier: BSD-2-Clause
"""A slice of `make cuts`: machines are killed while they write, and their disks are checked."""

import os
import sys

import pytest

from tessera import vm

sys.path.insert(0, os.path.join(vm.ROOT, "tests", "cuts"))
import cuts  # noqa: E402


@pytest.mark.parametrize("seed", range(1001, 1007))
def test_cut(seed):
    os.makedirs(cuts.FOLDER, exist_ok=True)
    cuts.one_cut(seed)
