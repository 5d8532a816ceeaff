# SPDX-License-Identifier: BSD-2-Clause
"""A shell of the guest, spoken to over TCP or over the console.

A command is followed by an `echo` of a marker, so its end is seen without knowing the prompt and without waiting.
"""

import re
import socket
import time


class ShellClosed(AssertionError):
    """The shell ended in the middle of something."""


class Shell:
    """Speaks with a shell through send(bytes) and receive(seconds): bytes, b"" at the end, None if nothing came."""

    def __init__(self):
        self.buffer = b""
        self.count = 0
        self.prompt = b""

    def expect(self, pattern, timeout=20):
        """Reads until PATTERN is there; what came before it, and the match. What follows is kept."""
        regex = re.compile(pattern)
        deadline = time.monotonic() + timeout
        while True:
            found = regex.search(self.buffer)
            if found:
                before, self.buffer = self.buffer[:found.start()], self.buffer[found.end():]
                return before, found
            left = deadline - time.monotonic()
            assert left > 0, f"{pattern!r} did not come in {timeout} s, but: {self.buffer[-2000:]!r}"
            data = self.receive(left)
            if data == b"":
                raise ShellClosed(f"closed while waiting for {pattern!r}: {self.buffer[-2000:]!r}")
            self.buffer += data or b""

    def wait_prompt(self, timeout=20):
        """Waits for a prompt: something that ends in `$ ` or `> ` at the end of what has come."""
        _, found = self.expect(rb"(?:^|\n)([^\n]*[$>#] )$", timeout)
        self.prompt = found.group(1)
        return self.prompt

    def run(self, command, timeout=20):
        """What a command printed, as text without prompts and echo."""
        self.count += 1
        marker = f"end-of-{self.count}"
        self.send(f"{command}\necho {marker}\n".encode())
        before, _ = self.expect(rb"(?<!echo )" + marker.encode() + rb"\r?\n", timeout)
        text = before.replace(b"\r", b"").replace(self.prompt, b"") if self.prompt else before.replace(b"\r", b"")
        lines = text.decode("utf-8", "replace").splitlines()
        return "\n".join(line for line in lines if line not in (command, f"echo {marker}")).strip("\n")


class TcpShell(Shell):
    """A connection to the network shell. It waits for the guest to come up."""

    def __init__(self, port, timeout=30, wait=True):
        super().__init__()
        self.socket = None
        deadline = time.monotonic() + timeout
        patience = 0.5
        while True:
            try:
                self.connect(port, min(patience, timeout) if wait else timeout)
                return
            except (OSError, AssertionError):
                self.close()
                if not wait or time.monotonic() > deadline:
                    raise
                # QEMU accepts before the guest listens and asks it again only after seconds: a new try is faster.
                patience *= 2
                time.sleep(0.05)

    def connect(self, port, timeout):
        self.buffer = b""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wait_prompt(timeout)

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, seconds):
        self.socket.settimeout(max(0.01, seconds))
        try:
            return self.socket.recv(65536)
        except socket.timeout:
            return None

    def at_end(self, timeout=10):
        """Whether the other side closes the connection now."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                if self.receive(deadline - time.monotonic()) == b"":
                    return True
            except OSError:
                return True
        return False

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class ConsoleShell(Shell):
    """The shell on the console: COM1 of a machine, where the kernel log appears too.

    What is typed is echoed, so one line is typed at a time, and its end is the next prompt. A line of the log may come
    in the middle of an echo: it is taken out before anything else is looked at.
    """

    PROMPT = rb"tessera> "
    LOG_LINE = re.compile(rb"\[ *\d+\.\d{6}\] [^\n]*\n")
    LOG_BEGUN = re.compile(rb"\[ *(\d+(\.\d{0,5}|\.\d{6}(\]( [^\n]*)?)?)?)?$")

    def __init__(self, machine, timeout=30):
        super().__init__()
        self.machine = machine
        self.seen = 0
        self.held = b""  # the beginning of what may become a line of the log
        self.expect(self.PROMPT, timeout)
        self.wait_quiet()

    def wait_quiet(self, seconds=0.4):
        """Waits until nobody has written for a while, and forgets it."""
        size = -1
        while size != len(self.machine.log):
            size = len(self.machine.log)
            time.sleep(seconds)
        self.seen = size
        self.buffer = self.held = b""

    def send(self, data):
        self.machine.type(data)

    def receive(self, seconds):
        with self.machine.changed:
            if len(self.machine.log) == self.seen:
                if not self.machine.reader.is_alive():
                    return b""
                self.machine.changed.wait(seconds)
            data = bytes(self.machine.log[self.seen:])
            self.seen += len(data)
        return self.without_log(data) or None

    def without_log(self, data):
        """DATA behind what was held, without lines of the log; what may be the beginning of one is held."""
        data = self.LOG_LINE.sub(b"", self.held + data)
        begun = self.LOG_BEGUN.search(data)
        self.held = data[begun.start():] if begun else b""
        return data[:begun.start()] if begun else data

    def run(self, command, timeout=20):
        """The output of a command, without its echo and the lines that others log meanwhile."""
        self.send(command.encode() + b"\n")
        before, _ = self.expect(self.PROMPT, timeout)
        lines = before.decode("utf-8", "replace").replace("\r", "").splitlines()
        if lines and lines[0] == command:
            del lines[0]
        return "\n".join(lines).strip("\n")
