# SPDX-License-Identifier: BSD-2-Clause
"""Argument data, the binary form in which a program receives its arguments: encoder and decoder.

A value is one type byte and a payload; no bytes at all are null. Elements of maps and sequences are each preceded by
their length: 7 bits per byte, most significant first, the last byte with bit 7 set.
"""

import struct

BINARY, BOOL, FD, FLOAT, INT, MAP, SEQ, STR, TIMESTAMP = range(1, 10)


class Fd(int):
    """A descriptor: its value is its number in the new process."""


def encode(value):
    """The bytes of a Python value: None, bool, int, float, str, bytes, Fd, dict, list."""
    if value is None:
        return b""
    if isinstance(value, bool):
        return bytes([BOOL, 1]) if value else bytes([BOOL])
    if isinstance(value, Fd):
        return struct.pack(">BI", FD, value)
    if isinstance(value, int):
        return bytes([INT]) + _encode_int(value)
    if isinstance(value, float):
        return struct.pack(">Bd", FLOAT, value)
    if isinstance(value, str):
        return bytes([STR]) + value.encode("utf-8") + b"\0"
    if isinstance(value, (bytes, bytearray)):
        return bytes([BINARY]) + bytes(value)
    if isinstance(value, dict):
        items = (part for pair in value.items() for part in pair)
        return bytes([MAP]) + _encode_elements(items)
    if isinstance(value, (list, tuple)):
        return bytes([SEQ]) + _encode_elements(value)
    raise TypeError(f"no argument data for {type(value).__name__}")


def decode(data):
    """The Python value of some bytes; ValueError if they are malformed."""
    if not data:
        return None
    kind, payload = data[0], data[1:]
    if kind == BINARY:
        return bytes(payload)
    if kind == BOOL and payload in (b"", b"\1"):
        return payload == b"\1"
    if kind == FD and len(payload) == 4:
        return Fd(struct.unpack(">I", payload)[0])
    if kind == FLOAT and len(payload) == 8:
        return struct.unpack(">d", payload)[0]
    if kind == INT:
        return int.from_bytes(payload, "big", signed=True)
    if kind == STR and payload.endswith(b"\0"):
        return payload[:-1].decode("utf-8")
    if kind == SEQ:
        return [decode(e) for e in _elements(payload)]
    if kind == MAP:
        parts = [decode(e) for e in _elements(payload)]
        if len(parts) % 2:
            raise ValueError("a map with a key but no value")
        return dict(zip(parts[::2], parts[1::2]))
    raise ValueError(f"malformed value of type {kind}")


def _encode_int(value):
    """Big-endian two's complement, as short as possible; zero has no bytes."""
    if value == 0:
        return b""
    length = (value + (value < 0)).bit_length() // 8 + 1
    return value.to_bytes(length, "big", signed=True)


def _encode_elements(values):
    out = bytearray()
    for value in values:
        data = encode(value)
        out += _encode_length(len(data)) + data
    return bytes(out)


def _encode_length(length):
    groups = [length & 0x7F | 0x80]
    while length > 0x7F:
        length >>= 7
        groups.append(length & 0x7F)
    return bytes(reversed(groups))


def _elements(payload):
    """Splits the payload of a map or sequence into the bytes of its elements."""
    at = 0
    while at < len(payload):
        length = 0
        while True:
            if at == len(payload):
                raise ValueError("a length is cut off")
            byte = payload[at]
            at += 1
            length = length << 7 | byte & 0x7F
            if byte & 0x80:
                break
        if length > len(payload) - at:
            raise ValueError("an element reaches beyond its container")
        yield payload[at:at + length]
        at += length
