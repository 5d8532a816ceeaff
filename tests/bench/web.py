#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""httpd beside nginx and busybox's httpd on Linux, in the same virtual machine: wall time, through a forwarded port of
the host, turn about:  web.py [ROUNDS]

Prints of each the best MB/s of one large file and requests per second of wrk, over 8 connections that are kept open
where the server does that.
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
"""
BUSYBOX = LINUX + "httpd -p 80 -h /tmp/www; echo serving; sleep 1000"
NGINX = LINUX + """mkdir -p /etc /var/log/nginx /var/lib/nginx
echo root:x:0:0::/: > /etc/passwd; echo root:x:0: > /etc/group
cat > /tmp/conf <<END
user root; worker_processes 1; pid /tmp/pid; error_log /tmp/error;
events { }
http { access_log off; sendfile on; keepalive_requests 100000000; types { text/html html; }
    server { listen 80; root /tmp/www; index index.html; } }
END
nginx -c /tmp/conf && echo serving; sleep 1000"""


def measure(machine):
    """MB/s of the large file, requests per second."""
    url = f"http://127.0.0.1:{machine.port(80)}"
    times = []
    for _ in range(3):
        start = time.monotonic()
        subprocess.run(["curl", "-sSf", "-o", "/dev/null", url + "/large"], check=True)
        times.append(time.monotonic() - start)
    done = subprocess.run(["wrk", "-t1", "-c8", "-d5", url + "/index.html"], check=True, capture_output=True,
                          text=True)
    requests = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1)
    return MIB * 1.048576 / min(times), float(requests)


def on_ours(card, archive):
    options = vm.Options(mem=256, forwards=[(0, 80)], archive=archive, card=card)
    with vm.Machine(options, os.path.join(vm.LOGS, "bench-web.log")) as machine:
        machine.wait_log(rb"net: eth0 has address")
        time.sleep(1.5)  # QEMU's e1000 hears nothing before
        return measure(machine)


def on_linux(script, programs=()):
    with linux.Guest("web", script, programs=programs, forwards=[(0, 80)]) as guest:
        guest.wait_log(rb"^serving", 60)
        time.sleep(1)
        return measure(guest)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    archive = image.make("web", {"www/index.html": PAGE, "www/large": os.urandom(MIB << 20)})
    nginx = os.path.join(linux.fetch_package("nginx"), "usr", "sbin", "nginx")
    servers = {card: lambda card=card: on_ours(card, archive) for card in vm.CARDS}
    servers["nginx on Linux"] = lambda: on_linux(NGINX, [nginx])
    servers["busybox on Linux"] = lambda: on_linux(BUSYBOX)
    best = dict.fromkeys(servers, (0, 0))
    for _ in range(rounds):
        for name, run in servers.items():
            best[name] = tuple(map(max, best[name], run()))
    for name, (rate, requests) in best.items():
        print(f"{name:20}{rate:8.1f} MB/s {requests:10.0f} requests/s")


main()
