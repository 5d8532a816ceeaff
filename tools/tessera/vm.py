# SPDX-License-Identifier: BSD-2-Clause
"""Virtual machines: the QEMU command line, and a machine that a script drives over its serial ports and TCP.

Both serial ports are socket pairs, so nothing is lost and nothing waits on a file: COM1 (kernel log and console) is
read by a thread that also keeps it in a log file; COM2 belongs to whoever asked for it.
"""

import ctypes
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KERNEL = os.path.join(ROOT, "build", "kernel", "tessera.elf")
ARCHIVE = os.path.join(ROOT, "build", "boot.img")
LOGS = os.path.join(ROOT, "build", "logs")
QEMU = "qemu-system-x86_64"
OVMF = "/usr/share/ovmf/OVMF.fd"
CPU = "qemu64,+smep,+smap,+umip,+fsgsbase,+rdrand"

CARDS = {"virtio": "virtio-net-pci,disable-legacy=on", "e1000": "e1000"}

PR_SET_PDEATHSIG = 1  # linux/prctl.h

EXIT_TIMEOUT = 124
EXIT_PANIC = 125
EXIT_NO_STATUS = 126

# A log line may begin with a time in brackets.
LINE = rb"^(?:\[[^\]\n]*\] *)?"
# The prompt of a shell on the console may stand before it.
POWER_OFF = re.compile(rb"^(?:.*\[[^\]\n]*\] *)?power: off (\d+)\s*$", re.MULTILINE)
PANIC = re.compile(LINE + rb"PANIC", re.MULTILINE)


class MachineError(RuntimeError):
    """The machine did not do what was waited for."""


class Options:
    """What a machine is made of. forwards: (host port, guest port) pairs; a host port of 0 means any free one.
    card: the network card, one of CARDS. netdev: its other side as QEMU's -netdev has it, without an id;
    ` mac=ADDRESS` may follow."""

    def __init__(self, smp=1, mem=128, disk=None, forwards=(), iso=None, icount=False, gdb=False, nic=True,
                 card="virtio", uefi=False, kernel=KERNEL, archive=ARCHIVE, append="", netdev=None, extra=(),
                 boot_disk=False, read_only=False, disk_requests=None):
        self.smp, self.mem, self.disk, self.iso = smp, mem, disk, iso
        self.boot_disk, self.read_only, self.disk_requests = boot_disk, read_only, disk_requests
        self.forwards = [(host or free_port(), guest) for host, guest in forwards]
        self.icount, self.gdb, self.nic, self.card, self.uefi = icount, gdb, nic, card, uefi
        self.kernel, self.archive, self.append, self.netdev, self.extra = kernel, archive, append, netdev, list(extra)

    def command(self):
        """QEMU's command line, without the serial ports."""
        out = [QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-accel", "tcg",
               "-cpu", CPU, "-smp", str(self.smp), "-m", str(self.mem)]
        if self.uefi:
            out += ["-bios", OVMF]
        if self.iso:
            out += ["-drive", f"file={self.iso},if=ide,media=cdrom,format=raw,readonly=on", "-boot", "d"]
        elif not self.boot_disk:
            out += ["-kernel", self.kernel, "-initrd", self.archive]
            out += ["-append", self.append] if self.append else []
        if self.nic:
            forwards = "".join(f",hostfwd=tcp:127.0.0.1:{host}-:{guest}" for host, guest in self.forwards)
            backend, _, mac = (self.netdev or "user").partition(" mac=")
            out += ["-netdev", backend + ",id=net0" + forwards, "-device",
                    CARDS[self.card] + ",netdev=net0,romfile=" + (f",mac={mac}" if mac else "")]
        if self.disk:
            kind = "qcow2" if self.disk.endswith(".qcow2") else "raw"
            how = ",readonly=on" if self.read_only else ""
            how += f",throttling.iops-total={self.disk_requests}" if self.disk_requests else ""
            out += ["-drive", f"file={self.disk},if=none,format={kind},id=disk0,cache=writeback{how}",
                    "-device", "virtio-blk-pci,drive=disk0,disable-legacy=on" + (",bootindex=0" * self.boot_disk)]
        if self.icount:
            out += ["-icount", "shift=0,sleep=off"]
        if self.gdb:
            out += ["-gdb", "tcp::1234", "-S"]
        return out + self.extra


def make_disk(path, mib=64):
    """A disk with an ext2 that has a journal, as the whole of it, and a directory `home` for visitors."""
    with open(path, "wb") as f:
        f.truncate(mib << 20)
    full = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    with tempfile.TemporaryDirectory(prefix="tessera-") as root:
        os.mkdir(os.path.join(root, "home"))
        command = ["mke2fs", "-q", "-F", "-t", "ext2", "-j", "-b", "4096", "-L", "tessera", "-E", "root_owner=0:0",
                   "-d", root, path]
        done = subprocess.run(command, env=full, capture_output=True, text=True, check=False)
    if done.returncode:
        os.remove(path)
        raise OSError(f"{path}: mke2fs failed: {done.stderr.strip()}")


def free_port():
    """A TCP port of the host that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_udp_port():
    """The same for UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def exit_status(log):
    """The status that a kernel log says the machine was powered off with, or None."""
    found = POWER_OFF.search(log)
    status = int(found.group(1)) if found else None
    return status if not status or status <= 0xFF else status & 0xFF or 0xFF  # what failed does not end with 0


def launch(command, **how):
    """QEMU as a process that ends with this one, even if that is killed: else it would go on and keep its ports."""
    def ask():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    # The end of a thread counts as that of its process here, so only the main thread asks for it.
    main = threading.current_thread() is threading.main_thread()
    return subprocess.Popen(command, preexec_fn=ask if main else None, **how)


class Machine:
    """A running machine. log: all of COM1 so far; com2: a socket, if asked for; or what it sends goes to a file."""

    def __init__(self, options, log_path, com2=False, com2_file=None):
        self.options = options
        self.log_path = log_path
        self.log = bytearray()
        self.changed = threading.Condition()
        self.com1, com1_theirs = socket.socketpair()
        self.com2, com2_theirs = socket.socketpair() if com2 else (None, None)
        os.makedirs(os.path.dirname(os.path.abspath(log_path)), exist_ok=True)
        self.monitor, monitor_theirs = socket.socketpair()
        theirs = [end for end in (com1_theirs, com2_theirs) if end]
        command = options.command()
        for i, end in enumerate(theirs):
            command += ["-chardev", f"socket,id=com{i + 1},fd={end.fileno()}", "-serial", f"chardev:com{i + 1}"]
        if com2_file:
            command += ["-chardev", f"file,id=com2,path={com2_file}", "-serial", "chardev:com2"]
        command += ["-chardev", f"socket,id=monitor,fd={monitor_theirs.fileno()}", "-mon", "chardev=monitor"]
        theirs.append(monitor_theirs)
        self.started = time.monotonic()
        self.process = launch(command, pass_fds=[end.fileno() for end in theirs],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for end in theirs:
            end.close()
        self.reader = threading.Thread(target=self._read_com1, daemon=True)
        self.reader.start()

    def _read_com1(self):
        with open(self.log_path, "wb", buffering=0) as keep:
            while True:
                try:
                    data = self.com1.recv(65536)
                except OSError:
                    data = b""
                with self.changed:
                    self.log += data
                    self.changed.notify_all()
                if not data:
                    return
                keep.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    def port(self, guest):
        """The host's port that leads to a port of the guest."""
        return next(host for host, inside in self.options.forwards if inside == guest)

    def mark(self):
        """The present end of the log, for wait_log(since=...)."""
        with self.changed:
            return len(self.log)

    def wait_log(self, pattern, timeout=30, since=0):
        """Waits until PATTERN (bytes, a regular expression) is in the log; its match.

        MachineError on a panic, at the end of the machine, after TIMEOUT seconds.
        """
        regex = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                text = bytes(self.log[since:])
                found = regex.search(text)
                if found:
                    return found
                if PANIC.search(self.log):
                    self.changed.wait(1)
                    raise MachineError("the kernel panicked\n" + self.tail())
                left = deadline - time.monotonic()
                if left <= 0:
                    raise MachineError(f"not in the log after {timeout} s: {pattern!r}\n" + self.tail())
                if not self.reader.is_alive():
                    raise MachineError(f"the machine ended; not in the log: {pattern!r}\n" + self.tail())
                self.changed.wait(min(left, 1))

    def type(self, data):
        """Types on the console (COM1)."""
        self.com1.sendall(data)

    def status(self):
        """The status that the machine was powered off with, None while it was not."""
        with self.changed:
            return exit_status(bytes(self.log))

    def tail(self, lines=60):
        text = bytes(self.log).decode("utf-8", "replace").splitlines()
        return "\n".join(text[-lines:])

    def wait_end(self, timeout, failed=None):
        """Waits for the machine to end. Returns (True, its status), or (False, EXIT_PANIC, _TIMEOUT or _NO_STATUS).

        FAILED: a regular expression of log lines after which waiting is in vain.
        """
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                return False, EXIT_TIMEOUT
            if PANIC.search(self.log):
                self._settle()
                return False, EXIT_PANIC
            if failed and re.search(failed, self.log, re.MULTILINE):
                self._settle()
                return False, EXIT_NO_STATUS
            try:
                self.process.wait(0.02)
            except subprocess.TimeoutExpired:
                pass
        self.reader.join(2)
        if PANIC.search(self.log):
            return False, EXIT_PANIC
        if failed and re.search(failed, self.log, re.MULTILINE):
            return False, EXIT_NO_STATUS
        status = self.status()
        return (False, EXIT_NO_STATUS) if status is None else (True, status)

    def _settle(self):
        """Gives the guest time to finish what it is writing to the log."""
        size = -1
        while size != len(self.log):
            size = len(self.log)
            time.sleep(0.3)

    def end(self):
        """Ends QEMU, whatever it is doing. What it has written can still be read."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(2)

    def dump(self):
        """Has the kernel tell in the log what each thread is doing (kernel/debug/dump.c)."""
        try:
            self.monitor.sendall(b"nmi\n")
            self.wait_log(LINE + rb"DUMP end", 10)
        except (OSError, MachineError):
            pass
        self._settle()

    def stop(self):
        """Ends QEMU and gives back all that belongs to the machine."""
        self.end()
        self.com1.close()
        self.monitor.close()
        if self.com2:
            self.com2.close()

    def complaints(self):
        """What QEMU itself had to say (only after its end)."""
        return self.process.stderr.read().decode("utf-8", "replace")
