# SPDX-License-Identifier: BSD-2-Clause
"""Machines that lack something, or have more of it."""

import pytest

from conftest import boot
from shell import ConsoleShell, TcpShell


def test_without_network_card():
    with boot("no-nic", nic=False) as machine:
        console = ConsoleShell(machine)
        assert console.run("echo here") == "here"
        machine.wait_log(rb"init: net: cannot open pci", 10)


def test_without_dhcp_server():
    with boot("no-dhcp", nic=False, extra=["-netdev", "socket,id=net0,udp=127.0.0.1:1,localaddr=127.0.0.1:0",
              "-device", "virtio-net-pci,netdev=net0,disable-legacy=on,romfile="], forwards=[]) as machine:
        console = ConsoleShell(machine)
        assert console.run("echo here") == "here"
        machine.wait_log(rb"(?i)net: .*dhcp", 30)


@pytest.mark.parametrize("smp, mem", [(1, 32), (2, 32), (4, 64), (1, 1024)])
def test_sizes(smp, mem):
    with boot(f"{smp}cpu-{mem}mib", smp=smp, mem=mem) as machine:
        with TcpShell(machine.port(26)) as shell:
            shell.run("echo small > home/f")
            assert shell.run("cat home/f") == "small"
        assert ConsoleShell(machine).run("echo c") == "c"


@pytest.mark.parametrize("uefi", [False, True], ids=["bios", "uefi"])
def test_iso(uefi):
    with boot("iso-uefi" if uefi else "iso-bios", iso="build/tessera.iso", uefi=uefi, mem=256) as machine:
        with TcpShell(machine.port(26), timeout=60 if uefi else 20) as shell:
            assert shell.run("echo from the iso") == "from the iso"


def test_no_boot_archive_is_a_clear_panic(tmp_path):
    empty = tmp_path / "rubbish.img"
    empty.write_bytes(b"not an archive" * 1000)
    with boot("rubbish", archive=str(empty)) as machine:
        assert not machine.wait_end(20)[0]
        assert b"archive" in machine.log.lower() or b"init" in machine.log.lower()
