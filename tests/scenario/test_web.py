# SPDX-License-Identifier: BSD-2-Clause
"""httpd, spoken to from the host by curl, by wrk and by hand; fetch and nc inside, speaking to it and to the host."""

import hashlib
import http.server
import os
import random
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

import image
from shell import ConsoleShell
from test_restart import kill
from tessera import vm

BIG = random.Random(5).randbytes(3 * 1024 * 1024)
FILES = {
    "www/index.html": b"<!DOCTYPE html><title>Tessera</title><p id=hello>It serves.</p>\n",
    "www/page.html": b"<!DOCTYPE html><link rel=stylesheet href=style.css><p id=hello>...</p>"
                     b"<script src=a.js></script>",
    "www/a.js": b"""window.onload = async () => {
        const part = await fetch("big.bin", {headers: {Range: "bytes=5-14"}});
        const bytes = new Uint8Array(await part.arrayBuffer());
        const text = Array.from(bytes, b => b.toString(16).padStart(2, "0")).join("");
        const hello = document.getElementById("hello");
        hello.textContent = `It serves ${part.status} ${text} ${getComputedStyle(hello).color}`;
    };""",
    "www/style.css": b"p { color: green }\n",
    "www/big.bin": BIG,
    "www/empty.txt": b"",
    "www/list/one.txt": b"one",
    "www/list/two words <&>.txt": b"two",
    "www/list/deep/x.json": b"{}",
    "secret": b"not to be seen",
}


@pytest.fixture(scope="module")
def machine():
    options = vm.Options(forwards=[(0, 80), (0, 81), (0, 99)], archive=image.make("web", FILES), smp=2)
    with vm.Machine(options, os.path.join(vm.LOGS, "scenario-web.log")) as started:
        started.wait_log(rb"net: eth0 has address 10\.0\.2\.15")
        started.wait_log(vm.LINE + rb"init: ready")
        yield started
        assert not vm.PANIC.search(started.log), started.tail()


@pytest.fixture(scope="module")
def console(machine):
    return ConsoleShell(machine)


def curl(machine, path, *more, port=80):
    """(status, headers as a dictionary, body)."""
    command = ["curl", "-sS", "-i", "--max-time", "20", "--path-as-is", *more,
               f"http://127.0.0.1:{machine.port(port)}{path}"]
    done = subprocess.run(command, capture_output=True, check=True)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    return int(lines[0].split()[1]), fields, body


def test_a_file(machine):
    status, fields, body = curl(machine, "/")
    assert (status, body) == (200, FILES["www/index.html"])
    assert fields["content-type"].startswith("text/html")
    assert fields["connection"] == "keep-alive"
    assert curl(machine, "/style.css")[1]["content-type"].startswith("text/css")
    assert curl(machine, "/empty.txt")[2] == b""


def test_a_large_file_is_whole(machine):
    status, fields, body = curl(machine, "/big.bin")
    assert status == 200 and int(fields["content-length"]) == len(BIG)
    assert hashlib.sha256(body).digest() == hashlib.sha256(BIG).digest()


def test_head(machine):
    status, fields, body = curl(machine, "/big.bin", "--head")
    assert (status, int(fields["content-length"]), body) == (200, len(BIG), b"")


@pytest.mark.parametrize("asked, first, last", [
    ("0-0", 0, 0), ("100-199", 100, 199), ("-10", len(BIG) - 10, len(BIG) - 1),
    (f"{len(BIG) - 5}-", len(BIG) - 5, len(BIG) - 1)])
def test_ranges(machine, asked, first, last):
    status, fields, body = curl(machine, "/big.bin", "-r", asked)
    assert (status, body) == (206, BIG[first:last + 1])
    assert fields["content-range"] == f"bytes {first}-{last}/{len(BIG)}"


def test_a_range_beyond_the_end(machine):
    status, fields, _ = curl(machine, "/style.css", "-r", "1000-")
    assert (status, fields["content-range"]) == (416, f"bytes */{len(FILES['www/style.css'])}")


def test_not_modified(machine):
    fields = curl(machine, "/style.css")[1]
    assert curl(machine, "/style.css", "-H", f"If-None-Match: {fields['etag']}")[0] == 304
    assert curl(machine, "/style.css", "-H", f"If-Modified-Since: {fields['last-modified']}")[0] == 304
    assert curl(machine, "/style.css", "-H", 'If-None-Match: "other"')[0] == 200


def test_directories(machine):
    status, fields, _ = curl(machine, "/list")
    assert (status, fields["location"]) == (301, "/list/")
    status, _, body = curl(machine, "/list/")
    assert status == 200
    assert b'<a href="./one.txt">' in body and b'<a href="./deep/">' in body
    assert b'<a href="./two%20words%20%3C%26%3E.txt">two&#32;words&#32;&#60;&#38;&#62;.txt</a>' in body
    assert curl(machine, "/list/two%20words%20%3C%26%3E.txt")[2] == b"two"
    assert curl(machine, "/style.css/")[0] == 404


@pytest.mark.parametrize("path", ["/../secret", "/..", "/%2e%2e/secret", "/list/../../secret", "/list/..%2f..%2fsecret",
                                  "/..%00/secret", "/%2e%2e%2fsecret", "/list/%2E%2E/%2E%2E/secret"])
def test_no_way_out(machine, path):
    status, _, body = curl(machine, path)
    assert status in (400, 404) and b"not to be seen" not in body


def test_what_is_not_there(machine):
    assert curl(machine, "/nothing")[0] == 404
    assert curl(machine, "/style.css/x")[0] == 404
    assert curl(machine, "/" + "x" * 900)[0] == 404
    assert curl(machine, "/" + "x" * 1500)[0] == 414
    assert curl(machine, "/", "-X", "BREW")[0] == 501
    status, fields, _ = curl(machine, "/", "-d", "x=y")
    assert (status, fields["allow"]) == (405, "GET, HEAD")


def talk(machine, data, timeout=10):
    """What comes back for raw bytes until the server closes, or nothing more comes for a second."""
    with socket.create_connection(("127.0.0.1", machine.port(80)), timeout=timeout) as one:
        one.sendall(data)
        one.settimeout(1.5)
        out = b""
        try:
            while piece := one.recv(65536):
                out += piece
        except socket.timeout:
            pass
        return out


def test_pipelining_and_keep_alive(machine):
    one = b"GET /style.css HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = talk(machine, one * 50)
    assert answers.count(b"HTTP/1.1 200 OK") == 50
    assert talk(machine, one.replace(b"1.1", b"1.0")).count(b"200 OK") == 1


@pytest.mark.parametrize("rubbish, status", [
    (b"\x00\xff\x00\xff\r\n\r\n", b"400"), (b"GET / HTTP/1.1\r\n\r\n", b"400"), (b"A" * 10000, b"431"),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 2000, b"431"), (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", b"505"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nGET /x HTTP/1.1\r\n\r\n", b"200")])
def test_rubbish(machine, rubbish, status):
    answer = talk(machine, rubbish)
    assert answer.startswith(b"HTTP/1.1 " + status), answer[:200]
    assert answer.count(b"HTTP/1.1 ") == 1
    assert curl(machine, "/style.css")[0] == 200


def test_slow_and_vanishing_clients(machine):
    slow = []
    for _ in range(40):
        slow.append(socket.create_connection(("127.0.0.1", machine.port(80))))
        time.sleep(0.01)  # QEMU takes them one by one
    for i, one in enumerate(slow):
        one.sendall(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n" if i % 2 else b"GET /")
    time.sleep(0.3)
    assert curl(machine, "/style.css")[0] == 200
    for one in slow:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        one.close()
    assert hashlib.sha256(curl(machine, "/big.bin")[2]).digest() == hashlib.sha256(BIG).digest()


def test_files_that_change(machine, console):
    assert curl(machine, "/page.txt", port=81)[0] == 404
    console.run("echo one > www/page.txt")
    assert curl(machine, "/page.txt", port=81)[2] == b"one\n"
    console.run("echo twice > www/page.txt")
    assert curl(machine, "/page.txt", port=81)[2] == b"twice\n"
    assert b"page.txt" in curl(machine, "/", port=81)[2]


@pytest.mark.skipif(not shutil.which("wrk"), reason="there is no wrk")
def test_load(machine):
    done = subprocess.run(["wrk", "-t1", "-c16", "-d5", f"http://127.0.0.1:{machine.port(80)}/"], capture_output=True,
                          text=True, timeout=60, check=True)
    print(done.stdout)
    # A host with much to do makes some wait too long; that is all that may go wrong.
    assert "Non-2xx" not in done.stdout
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+)", done.stdout)
    assert not errors or set(errors.groups()) == {"0"}
    assert float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1)) > 100


@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no Chromium")
def test_a_browser(machine, tmp_path):
    """Chromium loads the page, its style sheet and its script, which fetches a part of a file."""
    done = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                           f"--user-data-dir={tmp_path}", "--virtual-time-budget=10000", "--dump-dom",
                           f"http://127.0.0.1:{machine.port(80)}/page.html"],
                          capture_output=True, text=True, timeout=120, check=True)
    assert '<p id="hello">It serves 206 ' + BIG[5:15].hex() + " rgb(0, 128, 0)</p>" in done.stdout, done.stdout


def test_fetch_inside(machine, console):
    assert console.run("run fetch net=net:rw http://127.0.0.1/style.css") == FILES["www/style.css"].decode().strip()
    assert "It serves" in console.run("run fetch net=net:rw http://localhost/")
    assert "the server says 404" in console.run("run fetch net=net:rw http://127.0.0.1/nothing")
    assert "200 OK" in console.run("run fetch net=net:rw -i http://10.0.2.15:80/empty.txt")
    assert "refused" in console.run("run fetch net=net:rw http://127.0.0.1:82/")
    assert console.run("run fetch net=net:rw http://127.0.0.1/big.bin | wc").split()[-1] == str(len(BIG))


class Chunked(http.server.BaseHTTPRequestHandler):
    """A server of the host: a redirect, and an answer in chunks."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/start":
            self.send_response(302)
            self.send_header("Location", "/chunks")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for i in range(20):
            text = f"chunk {i}\n".encode() * 50
            self.wfile.write(f"{len(text):x}\r\n".encode() + text + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args):
        pass


def test_fetch_outside(machine, console):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Chunked)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://10.0.2.2:{server.server_address[1]}/start"
        assert console.run(f"run fetch net=net:rw {url} | wc").split()[0] == "1000"
    finally:
        server.shutdown()
        server.server_close()


def test_nc(machine, console):
    listener = socket.create_server(("127.0.0.1", 0))
    def serve():
        one, _ = listener.accept()
        got = b""
        while piece := one.recv(4096):
            got += piece
        one.sendall(b"you said " + got)
        one.close()
    threading.Thread(target=serve, daemon=True).start()
    port = listener.getsockname()[1]
    assert console.run(f"echo hello | run nc net=net:rw 10.0.2.2 {port}") == "you said hello"
    listener.close()


def test_nc_listens(machine, console):
    console.send(b"echo from inside | run nc net=net:rw -l 99\n")
    deadline = time.monotonic() + 10
    got = b""
    while not got and time.monotonic() < deadline:
        with socket.create_connection(("127.0.0.1", machine.port(99)), timeout=5) as one:
            one.settimeout(2)
            try:
                one.sendall(b"from outside\n")
                one.shutdown(socket.SHUT_WR)
                got = one.recv(100)
            except OSError:
                time.sleep(0.2)
    assert got == b"from inside\n"
    assert b"from outside" in console.expect(console.PROMPT)[0]


def test_net_is_killed_under_load(machine, console):
    """The service comes back, and httpd, which held nothing of it but a listener, with a fresh one."""
    with socket.create_connection(("127.0.0.1", machine.port(80))) as old:
        old.sendall(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        mark = machine.mark()
        kill(machine, console, "net")
        machine.wait_log(rb"init: httpd: started", 10, mark)
        machine.wait_log(rb"init: httpd2: started", 10, mark)
        old.settimeout(20)
        got = 0
        try:
            while piece := old.recv(65536):
                got += len(piece)
        except OSError:
            pass
        assert got < len(BIG)
    deadline = time.monotonic() + 20
    while True:
        try:
            assert curl(machine, "/style.css")[2] == FILES["www/style.css"]
            return
        except subprocess.CalledProcessError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
