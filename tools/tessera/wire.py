# SPDX-License-Identifier: BSD-2-Clause
"""An Ethernet cable between two machines that loses, doubles and reorders frames.

Each end is one of QEMU's `socket` network devices: a frame is a datagram on the host's loopback. What happens to
a frame is drawn from a seed, so a run can be repeated (as far as the machines do).
"""

import heapq
import random
import select
import socket
import threading
import time

from tessera import vm


class Wire:
    """A running cable. Its ends are 0 and 1."""

    def __init__(self, loss=0.0, duplicate=0.0, reorder=0.0, seed=1):
        self.loss, self.duplicate, self.reorder = loss, duplicate, reorder
        self.random = random.Random(seed)
        self.ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for end in self.ends:
            end.bind(("127.0.0.1", 0))
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.cards = [vm.free_udp_port() for _ in range(2)]
        self.frames = [0, 0]  # that came in at each end
        self.late = []        # (time, number, end, frame): held back to be overtaken
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def netdev(self, end):
        """For vm.Options: a card at END."""
        port = self.ends[end].getsockname()[1]
        return f"socket,udp=127.0.0.1:{port},localaddr=127.0.0.1:{self.cards[end]} mac=52:54:00:12:34:{0x60 + end:02x}"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.running = False
        self.thread.join()
        for end in self.ends:
            end.close()

    def _pass(self, end, frame):
        """FRAME came in at END."""
        self.frames[end] += 1
        if self.random.random() < self.loss:
            return
        for _ in range(2 if self.random.random() < self.duplicate else 1):
            if self.random.random() < self.reorder:
                when = time.monotonic() + self.random.uniform(0.001, 0.01)
                heapq.heappush(self.late, (when, self.frames[0] + self.frames[1], 1 - end, frame))
            else:
                self._deliver(1 - end, frame)

    def _deliver(self, end, frame):
        try:
            self.ends[end].sendto(frame, ("127.0.0.1", self.cards[end]))
        except OSError:  # that machine is not there
            pass

    def _run(self):
        while self.running:
            wait = max(0.0, self.late[0][0] - time.monotonic()) if self.late else 0.1
            for ready in select.select(self.ends, [], [], min(wait, 0.1))[0]:
                try:
                    self._pass(self.ends.index(ready), ready.recv(65536))
                except OSError:
                    pass
            while self.late and self.late[0][0] <= time.monotonic():
                _, _, end, frame = heapq.heappop(self.late)
                self._deliver(end, frame)
