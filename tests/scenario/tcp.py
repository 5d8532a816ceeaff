# SPDX-License-Identifier: BSD-2-Clause
"""The least of TCP, spoken over a Wire by as many ends as a test wants.

What comes is put into the Connection that it is for as it comes (in the wire's thread); a Connection answers for
itself if it is told to acknowledge.
"""

import struct
import time

import wire

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MSS = 1460


def segment(source, source_port, target, target_port, seq, ack, flags, window=65535, data=b"", options=b""):
    head = struct.pack(">HHIIBBHHH", source_port, target_port, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF,
                       (20 + len(options)) // 4 << 4, flags, window, 0, 0) + options
    total = wire.checksum(wire.pseudo(6, source, target, len(head) + len(data)) + head + data)
    return head[:16] + struct.pack(">H", total) + head[18:] + data


class Connection:
    """One end. reading: what comes is acknowledged and the window kept open; without, the window closes."""

    def __init__(self, network, port, target_port, source, reading, window):
        self.network, self.port, self.target_port, self.source = network, port, target_port, source
        self.reading, self.window = reading, window
        self.seq, self.ack = 7000 * port, 0
        self.theirs, self.acked = 0, self.seq  # the other's window, what it has
        self.state, self.data = "new", bytearray()
        self.out = bytearray()                 # what was sent and is not acknowledged
        self.edge = 0                          # what it may send us up to
        self.trust = 10 * MSS                  # what may be on its way: doubles as it arrives

    def send(self, flags, data=b"", options=b""):
        window = max(0, min(65535, self.edge - self.ack)) if self.edge else self.window
        self.network.cable.send4(6, segment(self.source, self.port, wire.GUEST, self.target_port, self.seq, self.ack,
                                            flags, window, data, options), self.source)

    def connect(self):
        self.state = "opening"
        self.send(SYN, options=struct.pack(">BBH", 2, 4, MSS))
        self.seq += 1

    def take(self, payload):
        """A segment for this end."""
        seq, ack, offset, flags, window = struct.unpack(">IIBBH", payload[4:16])
        data = payload[(offset >> 4) * 4:]
        if flags & RST:
            self.state = "reset"
            return
        if flags & SYN:
            if self.state != "opening":
                return
            self.ack, self.state = seq + 1, "open"
            self.edge = self.ack + self.window
            self.theirs, self.acked = window, ack
            self.send(ACK)
            return
        if flags & ACK:
            self.theirs = window
            if 0 < (ack - self.acked) & 0xFFFFFFFF < 1 << 31:
                self.trust += (ack - self.acked) & 0xFFFFFFFF
                del self.out[:(ack - self.acked) & 0xFFFFFFFF]
                self.acked = ack
        if not data and not flags & FIN:
            return
        if not self.reading:  # what lies beyond the window is not taken
            data, flags = data[:max(0, self.edge - self.ack)], flags & ~FIN
        if (seq & 0xFFFFFFFF) == self.ack & 0xFFFFFFFF:
            self.data += data
            self.ack += len(data) + (1 if flags & FIN else 0)
            if self.reading:
                self.edge = self.ack + self.window
            if flags & FIN:
                self.state = "ended"
        self.send(ACK)

    # --- for the test; the network's lock is held ---

    def room(self):
        """How much may be sent now."""
        return max(0, min(self.theirs, self.trust) - ((self.seq - self.acked) & 0xFFFFFFFF))

    def give(self, data):
        """Sends as much as the window allows: how much."""
        length = min(self.room(), len(data))
        for at in range(0, length, MSS):
            piece = data[at:min(at + MSS, length)]
            self.send(ACK | PSH, piece)
            self.seq += len(piece)
            self.out += piece
        return length

    def again(self):
        """Sends once more what was not acknowledged."""
        seq, self.seq = self.seq, self.acked
        for at in range(0, min(len(self.out), self.theirs), MSS):
            piece = bytes(self.out[at:min(at + MSS, self.theirs)])
            self.send(ACK | PSH, piece)
            self.seq += len(piece)
        self.seq = seq

    def reset(self):
        self.seq = self.acked
        self.send(RST | ACK)
        self.state = "reset"

    def finish(self):
        self.send(FIN | ACK)
        self.seq += 1


class Network:
    """All connections over a wire. A test looks at them with `lock` held."""

    def __init__(self, cable):
        self.cable, self.lock = cable, cable.changed
        self.ends = {}
        self.next_port = 20000
        self.segments = 0  # that have come
        cable.tcp = self.take

    def take(self, payload):
        source_port, target_port = struct.unpack(">HH", payload[:4])
        with self.lock:
            end = self.ends.get((target_port, source_port))
            if end:
                self.segments += 1
                end.take(payload)
                self.lock.notify_all()
        return end is not None

    def open(self, target_port, reading=True, window=65535, source=wire.ROUTER):
        with self.lock:
            self.next_port += 1
            end = Connection(self, self.next_port, target_port, source, reading, window)
            self.ends[(end.port, target_port)] = end
            end.connect()
        return end

    def wait(self, ready, timeout=20, what="it"):
        """Waits until READY()."""
        deadline = time.monotonic() + timeout
        with self.lock:
            while not ready():
                left = deadline - time.monotonic()
                assert left > 0, f"{what} did not happen in {timeout} s"
                self.lock.wait(left)

    def settle(self, ends, timeout=20):
        """Waits until all are open. A request that is not answered is sent again every second."""
        deadline = time.monotonic() + timeout
        with self.lock:
            while not self.lock.wait_for(lambda: all(end.state != "opening" for end in ends), 1):
                assert time.monotonic() < deadline, "no connection"
                for end in ends:
                    if end.state == "opening":
                        end.seq -= 1
                        end.connect()
            assert all(end.state == "open" for end in ends)

    def connect(self, target_port, timeout=20, **how):
        """An open connection."""
        end = self.open(target_port, **how)
        self.settle([end], timeout)
        return end

    def send(self, end, data, timeout=20):
        deadline = time.monotonic() + timeout
        with self.lock:
            while data or end.out:
                assert end.state == "open", end.state
                assert time.monotonic() < deadline, "the window stays closed"
                acked = end.acked
                data = data[end.give(data):]
                if not self.lock.wait_for(lambda acked=acked: end.acked != acked or end.state != "open", 0.5):
                    end.again()

    def echo(self, end, data, timeout=20):
        """Sends DATA and waits until as much has come back: whether it is the same."""
        before = len(end.data)
        self.send(end, data, timeout)
        self.wait(lambda: len(end.data) >= before + len(data) or end.state != "open", timeout, "the echo")
        return bytes(end.data[before:]) == data
