# SPDX-License-Identifier: BSD-2-Clause
"""TCP against Linux at the other end of a cable that loses, doubles and reorders frames.

The two ends run the same program (tests/peer/peer.c). PEER_KIB says how much each transfer moves (256; `make
peer`: 65536).
"""

import os
import subprocess

import pytest

from tessera import linux, vm
from tessera.wire import Wire

SOURCE = os.path.join(vm.ROOT, "tests", "peer", "peer.c")
PROGRAM = os.path.join(vm.ROOT, "build", "user", "peer")
GRANTS = os.path.join(vm.ROOT, "tests", "peer", "net.yaml")
KIB = os.environ.get("PEER_KIB", "256")
LIMIT = 120 + int(KIB) // 16
PORT = 5000
LINUX, OURS = "10.0.3.1", "10.0.3.2"

# Linux hands out our address, so what we do is what we do in any network.
NETWORK = f"""ip addr add {LINUX}/24 dev eth0; ip link set eth0 up
cat > /tmp/dhcp <<END
start {OURS}
end {OURS}
interface eth0
lease_file /tmp/leases
option subnet 255.255.255.0
option lease 3600
END
touch /tmp/leases; udhcpd /tmp/dhcp
"""


def run_here(wire, *args):
    """The program inside our machine, at end 1: its exit status and output."""
    command = [os.path.join(vm.ROOT, "tools", "vm"), "exec", "--timeout", str(LIMIT), "--netdev", wire.netdev(1),
               "--log", os.path.join(vm.LOGS, "scenario-peer.log"), "--grants", GRANTS, PROGRAM, *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def check(output):
    assert output.count("\nok") + output.startswith("ok") == 6 and "not ok" not in output, output


@pytest.fixture(params=[0.0, 0.1] if "PEER_KIB" in os.environ else [0.1])
def wire(request):
    """A cable with this part of the frames lost, as many doubled and as many held back."""
    try:
        linux.fetch()
    except vm.MachineError as error:
        pytest.skip(str(error))
    bad = request.param
    with Wire(loss=bad, duplicate=bad, reorder=bad, seed=7) as cable:
        yield cable


def test_we_call(wire):
    with linux.Guest("peer", NETWORK + f"peer serve {PORT}", [SOURCE], netdev=wire.netdev(0)) as guest:
        guest.wait_log(rb"peer: listening", 120)
        ours = run_here(wire, "call", LINUX, str(PORT), KIB)
        output, _ = ours.communicate(timeout=LIMIT + 30)
        print(output)
        check(output)


def test_linux_calls(wire):
    ours = run_here(wire, "serve", str(PORT))
    # Linux stays until our end has seen the last connection close: what closes it may be lost on the way.
    script = NETWORK + f"peer call {OURS} {PORT} {KIB} && echo called && sleep 1000"
    with linux.Guest("peer", script, [SOURCE], netdev=wire.netdev(0)) as guest:
        guest.wait_log(rb"^(called|guest: ended)", LIMIT)
        output = guest.output()
        print(output)
        check(output)
        ours.communicate(timeout=LIMIT)
        assert ours.returncode == 0
