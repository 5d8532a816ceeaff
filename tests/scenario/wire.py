# SPDX-License-Identifier: BSD-2-Clause
"""The other end of a machine's network cable: frames over two UDP ports of the host.

A Wire is router, DHCP, name and time server in one, as small as the tests need; and it sends what they want to see
answered.
Addresses are from the ranges for documentation (RFC 5737, 3849).
"""

import ipaddress
import socket
import struct
import threading
import time

ROUTER, GUEST, NETWORK = "192.0.2.1", "192.0.2.15", "192.0.2.0/24"
PREFIX6 = "2001:db8:5::"
ROUTER6 = "fe80::1"
OUR_MAC = bytes.fromhex("020000000001")
GUEST_MAC = bytes.fromhex("525400123456")
BROADCAST = b"\xff" * 6
NTP_1970 = 2208988800


def v4(text):
    return ipaddress.IPv4Address(text).packed


def v6(text):
    return ipaddress.IPv6Address(text).packed


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def from_mac(prefix, mac):
    """The address that a machine makes of its MAC (RFC 4291, appendix A)."""
    tail = bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]
    return str(ipaddress.IPv6Address(v6(prefix)[:8] + tail))


def ipv4(protocol, source, target, payload):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, v4(source), v4(target))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ipv6(protocol, source, target, payload):
    return struct.pack(">IHBB16s16s", 6 << 28, len(payload), protocol, 255, v6(source), v6(target)) + payload


def pseudo(protocol, source, target, length):
    if ":" in source:
        return v6(source) + v6(target) + struct.pack(">II", length, protocol)
    return v4(source) + v4(target) + struct.pack(">BBH", 0, protocol, length)


def udp(source, source_port, target, target_port, payload):
    head = struct.pack(">HHHH", source_port, target_port, 8 + len(payload), 0)
    total = checksum(pseudo(17, source, target, 8 + len(payload)) + head + payload) or 0xFFFF
    return head[:6] + struct.pack(">H", total) + payload


def tcp_syn(source, source_port, target, target_port):
    head = struct.pack(">HHIIBBHHH", source_port, target_port, 1000, 0, 0x50, 2, 8192, 0, 0)
    total = checksum(pseudo(6, source, target, len(head)) + head)
    return head[:16] + struct.pack(">H", total) + head[18:]


def icmp(kind, rest, source=None, target=None):
    """An ICMP message; with addresses, one of IPv6."""
    body = bytes([kind, 0, 0, 0]) + rest
    total = checksum((pseudo(58, source, target, len(body)) if source else b"") + body)
    return body[:2] + struct.pack(">H", total) + body[4:]


class Wire:
    """LEASE in seconds. NAMES: {name: address}; what is not in there does not exist."""

    def __init__(self, lease=3600, names=None, time_offset=0):
        self.lease, self.names, self.time_offset = lease, names or {}, time_offset
        self.attach()
        self.changed = threading.Condition(threading.RLock())
        self.tcp = None        # takes segments: whether it knew what to do with one (tcp.py)
        self.deaf = {}         # {name: how many questions for it the server does not hear}
        self.requests = []     # (time, client's address) of each DHCP request
        self.packets = []      # what nobody here answers: (protocol, source, payload)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def attach(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.theirs = probe.getsockname()

    def receive(self):
        return self.socket.recv(65536)

    def transmit(self, data):
        self.socket.sendto(data, self.theirs)

    def options(self, device="virtio-net-pci,netdev=net0,disable-legacy=on,romfile="):
        """What makes QEMU use this wire, for vm.Options(nic=False, extra=...)."""
        ours = self.socket.getsockname()
        return ["-netdev", f"dgram,id=net0,local.type=inet,local.host=127.0.0.1,local.port={self.theirs[1]},"
                           f"remote.type=inet,remote.host=127.0.0.1,remote.port={ours[1]}",
                "-device", device]

    def close(self):
        self.socket.close()

    # --- sending ---

    def frame(self, kind, payload, target=GUEST_MAC):
        data = target + OUR_MAC + struct.pack(">H", kind) + payload
        try:
            self.transmit(data.ljust(60, b"\0"))
        except OSError:
            pass

    def send4(self, protocol, payload, source=ROUTER, target=GUEST, mac=GUEST_MAC):
        self.frame(0x0800, ipv4(protocol, source, target, payload), mac)

    def send6(self, protocol, payload, target, source=ROUTER6, mac=GUEST_MAC):
        self.frame(0x86DD, ipv6(protocol, source, target, payload), mac)

    # --- receiving ---

    def run(self):
        while True:
            try:
                data = self.receive()
            except OSError:
                return
            kind = struct.unpack(">H", data[12:14])[0]
            handler = {0x0806: self.arp, 0x0800: self.on_ipv4, 0x86DD: self.on_ipv6}.get(kind)
            if handler:
                handler(data[14:])

    def arp(self, packet):
        operation, sender_mac, sender, _, wanted = struct.unpack(">6xH6s4s6s4s", packet[:28])
        if operation == 1 and wanted == v4(ROUTER):
            self.frame(0x0806, struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 2, OUR_MAC, wanted, sender_mac, sender),
                       sender_mac)

    def on_ipv4(self, packet):
        size = struct.unpack(">H", packet[2:4])[0]
        source, payload = str(ipaddress.IPv4Address(packet[12:16])), packet[4 * (packet[0] & 15):size]
        if packet[9] == 17:
            ports = struct.unpack(">HH", payload[:4])
            server = {67: self.dhcp, 53: self.dns, 123: self.ntp}.get(ports[1])
            if server:
                server(source, ports[0], payload[8:])
                return
        if packet[9] == 1 and payload[0] == 8:
            self.send4(1, icmp(0, payload[4:]), target=source)
            return
        if packet[9] == 6 and self.tcp and self.tcp(payload):
            return
        self.keep((packet[9], source, payload))

    def on_ipv6(self, packet):
        source, payload = str(ipaddress.IPv6Address(packet[8:24])), packet[40:40 + struct.unpack(">H", packet[4:6])[0]]
        if packet[6] != 58:
            return
        if payload[0] == 133:
            self.advertise()
        elif payload[0] == 135 and payload[8:24] == v6(ROUTER6) and source != "::":
            rest = struct.pack(">I16sBB6s", 0xE0000000, v6(ROUTER6), 2, 1, OUR_MAC)
            self.send6(58, icmp(136, rest, ROUTER6, source), source)
        else:
            self.keep((58, source, payload))

    def keep(self, packet):
        with self.changed:
            self.packets.append(packet)
            self.changed.notify_all()

    def wait(self, wanted, timeout=10):
        """The first kept packet for which WANTED(protocol, source, payload) is true."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                for packet in self.packets:
                    if wanted(*packet):
                        return packet
                left = deadline - time.monotonic()
                assert left > 0, f"nothing came like that; {len(self.packets)} others did"
                self.changed.wait(left)

    # --- the servers ---

    def dhcp(self, source, _, message):
        kind = self.dhcp_option(message, 53)[0]
        if kind not in (1, 3):
            return
        if kind == 3:
            with self.changed:
                self.requests.append((time.monotonic(), source))
                self.changed.notify_all()
        options = bytes([53, 1, 2 if kind == 1 else 5]) + b"\x36\4" + v4(ROUTER)
        options += b"\x33\4" + struct.pack(">I", self.lease) + b"\1\4\xff\xff\xff\0"
        for code in (3, 6, 42):
            options += bytes([code, 4]) + v4(ROUTER)
        reply = bytes([2, 1, 6, 0]) + message[4:8] + bytes(8) + v4(GUEST) + bytes(8) + message[28:44] + bytes(192)
        reply += b"\x63\x82\x53\x63" + options + b"\xff"
        self.send4(17, udp(ROUTER, 67, GUEST, 68, reply))

    @staticmethod
    def dhcp_option(message, wanted):
        at = 240
        while message[at] != 255:
            if message[at] == wanted:
                return message[at + 2:at + 2 + message[at + 1]]
            at += 2 + message[at + 1]
        return b"\0"

    def dns(self, source, port, message):
        at, labels = 12, []
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode())
            at += 1 + message[at]
        kind = struct.unpack(">H", message[at + 1:at + 3])[0]
        name = ".".join(labels)
        if self.deaf.get(name, 0) > 0:
            self.deaf[name] -= 1
            return
        address = self.names.get(name)
        data = ipaddress.ip_address(address).packed if address else b""
        fits = len(data) == {1: 4, 28: 16}.get(kind)
        head = struct.pack(">HHHHH", 0x8180 if address else 0x8183, 1, int(fits), 0, 0)
        reply = message[:2] + head + message[12:at + 5]
        if fits:
            reply += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
        self.send4(17, udp(ROUTER, 53, source, port, reply), target=source)

    def ntp(self, source, port, message):
        now = int((time.time() + self.time_offset + NTP_1970) * (1 << 32))
        stamp = struct.pack(">Q", now)
        reply = bytes([0x24, 2, 4, 0xEC]) + bytes(12) + stamp + message[40:48] + stamp + stamp
        self.send4(17, udp(ROUTER, 123, source, port, reply), target=source)

    def advertise(self):
        """A router advertisement to everybody: this router, and the prefix to make addresses of."""
        prefix = struct.pack(">BBBBIII16s", 3, 4, 64, 0xC0, 3600, 1800, 0, v6(PREFIX6))
        rest = struct.pack(">BBHII", 64, 0, 1800, 0, 0) + b"\1\1" + OUR_MAC + prefix
        self.send6(58, icmp(134, rest, ROUTER6, "ff02::1"), "ff02::1", mac=bytes.fromhex("333300000001"))

    # --- what is asked of the guest ---

    def ping(self, target, size=56):
        """Whether an echo of the same bytes comes back."""
        payload = struct.pack(">HH", 77, 1) + bytes(i & 255 for i in range(size))
        if ":" in target:
            self.send6(58, icmp(128, payload, ROUTER6, target), target)
            self.wait(lambda p, s, data: p == 58 and s == target and data[0] == 129 and data[4:] == payload)
        else:
            self.send4(1, icmp(8, payload), target=target)
            self.wait(lambda p, s, data: p == 1 and data[0] == 0 and data[4:] == payload)
        return True

    def scan(self, probe, read, rounds=6):
        """Sends PROBE(port) to all ports until READ(packets) has a verdict for each; the ports by verdict.

        Ports that never answer have the verdict None. READ takes a list of packets and gives {port: verdict}.
        """
        found, waiting = {}, list(range(1, 65536))
        for _ in range(rounds):
            for start in range(0, len(waiting), 128):
                batch = waiting[start:start + 128]
                with self.changed:
                    self.packets = []
                for port in batch:
                    self.frame(0x0800, probe(port))
                found.update(self.collect(set(batch), read))
            waiting = [port for port in waiting if port not in found]
            if not waiting:
                break
        verdicts = {}
        for port in range(1, 65536):
            verdicts.setdefault(found.get(port), set()).add(port)
        return verdicts

    def collect(self, batch, read):
        deadline = time.monotonic() + 0.25
        with self.changed:
            while True:
                found = read(self.packets)
                left = deadline - time.monotonic()
                if left <= 0 or batch <= found.keys():
                    return found
                self.changed.wait(left)


class StrongWire(Wire):
    """One that loses nothing, however many frames come at once: a TCP connection of the host."""

    def attach(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.socket, self.buffer, self.sending = None, b"", threading.Lock()

    def options(self, device="virtio-net-pci,netdev=net0,disable-legacy=on,romfile="):
        return ["-netdev", "stream,id=net0,server=off,addr.type=inet,addr.host=127.0.0.1,"
                           f"addr.port={self.listener.getsockname()[1]}", "-device", device]

    def take(self, length):
        while len(self.buffer) < length:
            data = self.socket.recv(1 << 20)
            if not data:
                raise OSError("the machine has ended")
            self.buffer += data
        out, self.buffer = self.buffer[:length], self.buffer[length:]
        return out

    def receive(self):
        if self.socket is None:
            self.socket, _ = self.listener.accept()
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.take(struct.unpack(">I", self.take(4))[0])

    def transmit(self, data):
        if self.socket:
            with self.sending:
                self.socket.sendall(struct.pack(">I", len(data)) + data)

    def close(self):
        self.listener.close()
        if self.socket:
            self.socket.close()
