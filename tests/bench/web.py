#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""httpd beside busybox's httpd on Linux, in the same virtual machine: wall time, through a forwarded port of the host.

Prints MB/s of one large file, and requests per second of wrk (keep-alive, where the server has it) with 16 connections.
"""

import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tools"), os.path.join(ROOT, "tests", "scenario")]

import image  # noqa: E402
from tessera import linux, vm  # noqa: E402

PAGE = b"<!DOCTYPE html><title>page</title><p>It serves.</p>\n"
MIB = 32
LINUX = f"""ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; ip route add default via 10.0.2.2
mkdir /tmp/www; echo '{PAGE.decode().strip()}' > /tmp/www/index.html
dd if=/dev/urandom of=/tmp/www/large bs=1M count={MIB} 2> /dev/null
httpd -p 80 -h /tmp/www; echo serving; sleep 1000"""


def measure(name, machine):
    url = f"http://127.0.0.1:{machine.port(80)}"
    times = []
    for _ in range(3):
        start = time.monotonic()
        subprocess.run(["curl", "-sSf", "-o", "/dev/null", url + "/large"], check=True)
        times.append(time.monotonic() - start)
    done = subprocess.run(["wrk", "-t1", "-c16", "-d5", url + "/index.html"], check=True, capture_output=True,
                          text=True)
    requests = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1)
    print(f"{name:10} {MIB * 1.048576 / min(times):8.1f} MB/s {float(requests):10.0f} requests/s", flush=True)


def main():
    files = {"www/index.html": PAGE, "www/large": os.urandom(MIB << 20)}
    archive = image.make("web", files)
    for card in vm.CARDS:
        options = vm.Options(mem=256, forwards=[(0, 80)], archive=archive, card=card)
        with vm.Machine(options, os.path.join(vm.LOGS, "bench-web.log")) as machine:
            machine.wait_log(rb"net: eth0 has address")
            time.sleep(1.5)  # QEMU's e1000 hears nothing before
            measure(card, machine)
    with linux.Guest("web", LINUX, forwards=[(0, 80)]) as guest:
        guest.wait_log(rb"^serving", 60)
        time.sleep(1)
        measure("Linux", guest)


main()
