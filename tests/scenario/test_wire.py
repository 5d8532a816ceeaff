# SPDX-License-Identifier: BSD-2-Clause
"""The default image on a wire whose other end is wire.py: DHCP, IPv6, names, time, ping, and what listens."""

import os
import struct

import pytest

import wire
from shell import ConsoleShell
from tessera import vm

LEASE = 120  # lwIP looks at it once a minute
NAMES = {"www.example.org": "198.51.100.7", "six.example.org": "2001:db8::7"}
AHEAD = 100000  # seconds by which the time server is
OURS = 40000


@pytest.fixture(scope="module")
def cable():
    made = wire.Wire(LEASE, NAMES, AHEAD)
    yield made
    made.close()


@pytest.fixture(scope="module")
def machine(cable):
    options = vm.Options(nic=False, extra=cable.options())
    with vm.Machine(options, os.path.join(vm.LOGS, "scenario-wire.log")) as started:
        started.wait_log(rb"net: eth0 has address 192\.0\.2\.15, gateway 192\.0\.2\.1")
        yield started
        assert not vm.PANIC.search(started.log), started.tail()


@pytest.fixture(scope="module")
def console(machine):
    return ConsoleShell(machine)


def test_it_answers_pings(cable, machine):
    assert cable.ping(wire.GUEST)
    assert cable.ping(wire.GUEST, 0)
    assert cable.ping(wire.GUEST, 1400)


def test_it_pings(machine, console):
    assert "2 sent, 2 came back" in console.run(f"run ping net=net:rw -c 2 -i 100 {wire.ROUTER}")
    # Nobody is there.
    assert "2 sent, 0 came back" in console.run("run ping net=net:rw -c 2 -i 100 192.0.2.77")


def test_ipv6_configures_itself(cable, machine, console):
    machine.wait_log(rb"net: eth0 has address 2001:db8:5:")
    address = wire.from_mac(wire.PREFIX6, wire.GUEST_MAC)
    assert f"{address}~64" in console.run("cat net/if/eth0/addr")
    assert cable.ping(wire.from_mac("fe80::", wire.GUEST_MAC))
    assert cable.ping(address)


def test_names(machine, console):
    assert console.run("run resolve net=net:rw www.example.org") == "resolved www.example.org -> 198.51.100.7"
    assert console.run("run resolve net=net:rw WWW.Example.ORG.") == "resolved WWW.Example.ORG. -> 198.51.100.7"
    assert console.run("run resolve net=net:rw six.example.org") == "resolved six.example.org -> 2001:db8::7"
    assert "not known" in console.run("run resolve net=net:rw missing.example.org")
    assert console.run("cat net/dns/www.example.org") == "A 198.51.100.7 60"


def test_questions_are_asked_again(cable, machine, console):
    cable.deaf = {"www.example.org": 2, "missing.example.org": 999}  # an attempt asks for both kinds of address
    assert console.run("run resolve net=net:rw www.example.org", 30) == "resolved www.example.org -> 198.51.100.7"
    assert "Temporary failure" in console.run("run resolve net=net:rw missing.example.org", 60)
    # The questions of all attempts, then no more.
    assert 999 - cable.deaf.pop("missing.example.org") == 8


def test_a_program_without_the_directory_gets_nothing(machine, console):
    assert "ermission" in console.run("run resolve www.example.org")
    assert "ermission" in console.run("run nc 192.0.2.1 80")


def test_the_clock_is_set(machine):
    found = machine.wait_log(rb"net: clock set by 192\.0\.2\.1!123, moved by (-?\d+) ms")
    assert abs(int(found.group(1)) / 1000 - AHEAD) < 30


def renewals(cable):
    """How often the lease was asked for from the address that it is about."""
    with cable.changed:
        return sum(source == wire.GUEST for _, source in cable.requests)


def test_the_lease_is_renewed_when_told(cable, machine, console):
    before = renewals(cable)
    console.run("echo renew > net/if/eth0/ctl")
    with cable.changed:
        assert cable.changed.wait_for(lambda: renewals(cable) > before, 10)
    assert "192.0.2.15~24" in console.run("cat net/if/eth0/addr")


def read_tcp(packets):
    """{port: "open" or "closed"}."""
    found = {}
    for protocol, _, data in packets:
        if protocol == 6 and struct.unpack(">H", data[2:4])[0] == OURS:
            found[struct.unpack(">H", data[:2])[0]] = "closed" if data[13] & 4 else "open"
    return found


def test_nothing_listens_but_what_the_manifest_names(cable, machine):
    verdicts = cable.scan(
        lambda port: wire.ipv4(6, wire.ROUTER, wire.GUEST, wire.tcp_syn(wire.ROUTER, OURS, wire.GUEST, port)),
        read_tcp)
    assert verdicts.pop("open") == {26}
    assert list(verdicts) == ["closed"]


def read_udp(packets):
    """{port: "closed"} for those that are said to be unreachable."""
    return {struct.unpack(">H", data[30:32])[0]: "closed" for protocol, _, data in packets
            if protocol == 1 and data[0] == 3 and data[1] == 3 and len(data) >= 32}


def test_nobody_takes_datagrams(cable, machine):
    verdicts = cable.scan(
        lambda port: wire.ipv4(17, wire.ROUTER, wire.GUEST, wire.udp(wire.ROUTER, OURS, wire.GUEST, port, b"x")),
        read_udp, 3)
    assert list(verdicts) == ["closed"]  # port 68 as well: it is the DHCP server's port alone that it listens to


def test_nobody_speaks_for_this_machine(cable, machine, console):
    """Datagrams from its own addresses do not come over the wire."""
    console.send(b"run nc net=net:rw -l -u 53000\n")
    own6 = wire.from_mac(wire.PREFIX6, wire.GUEST_MAC)
    heard = b""
    for _ in range(40):
        for source in ("127.0.0.1", "127.9.9.9", wire.GUEST):
            cable.send4(17, wire.udp(source, 7, wire.GUEST, 53000, b"forged4\n"), source)
        for source in ("::1", own6):
            cable.send6(17, wire.udp(source, 7, own6, 53000, b"forged6\n"), own6, source)
        # To addresses that are this machine's alone.
        cable.send4(17, wire.udp(wire.ROUTER, 7, "127.0.0.1", 53000, b"forged to\n"), target="127.0.0.1")
        cable.send6(17, wire.udp(wire.ROUTER6, 7, "::1", 53000, b"forged to\n"), "::1")
        cable.send4(17, wire.udp(wire.ROUTER, 7, wire.GUEST, 53000, b"true4\n"))
        cable.send6(17, wire.udp(wire.ROUTER6, 7, own6, 53000, b"true6\n"), own6)
        heard += console.receive(0.5) or b""
        if b"true4" in heard and b"true6" in heard:
            break
    console.send(b"\x03")
    heard += console.expect(console.PROMPT)[0]
    assert b"true4" in heard and b"true6" in heard and b"forged" not in heard


class Refusing:
    """A router that has no way to 198.51.100.9, and says so in the ways of ICMP by port: {port: (code, part)}."""

    def __init__(self, cable):
        self.cable, self.codes = cable, {7001: 0, 7002: 1, 7003: 13, 7004: 3}

    def __call__(self, segment):
        port, sequence = struct.unpack(">2xHI", segment[:8])
        if port not in self.codes:
            return False
        # Of a segment that was never sent, and of one that may not be fragmented: these mean nothing.
        self.say(0, segment[:4] + struct.pack(">I", (sequence + 99999) & 0xFFFFFFFF))
        self.say(4, segment[:8])
        self.say(self.codes[port], segment[:8])
        return True

    def say(self, code, quoted):
        packet = wire.ipv4(6, wire.GUEST, "198.51.100.9", quoted)
        body = bytes([3, code, 0, 0, 0, 0, 0, 0]) + packet
        self.cable.send4(1, body[:2] + struct.pack(">H", wire.checksum(body)) + body[4:])


@pytest.mark.parametrize("port, told", [(7001, "unreachable"), (7002, "Host is unreachable"),
                                        (7003, "Host is unreachable"), (7004, "refused")])
def test_what_routers_say(cable, machine, console, port, told):
    cable.tcp = Refusing(cable)
    said = console.run(f"run nc net=net:rw 198.51.100.9 {port}")
    cable.tcp = None
    assert told in said and ("Host" in said) == (port in (7002, 7003))


@pytest.mark.parametrize("address", ["192.0.2.77", "2001:db8:5::77"])
def test_nobody_answers_for_the_neighbour(cable, machine, console, address):
    assert "Host is unreachable" in console.run(f"run nc net=net:rw {address} 80", 30)


def test_the_lease_is_renewed_in_time(cable, machine):
    """The last test: it may have to wait."""
    with cable.changed:
        assert cable.changed.wait_for(lambda: renewals(cable) > 1, LEASE)
    assert not machine.log.count(b"has no IPv4 address")
