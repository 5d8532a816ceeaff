# SPDX-License-Identifier: BSD-2-Clause
"""What the definition says, as objects, and how its types are written in C."""

from dataclasses import dataclass, field

INT_SIZES = {'uint8': 1, 'uint16': 2, 'uint32': 4, 'uint64': 8, 'int64': 8, 'size': 8, 'char': 1}
PREFIX = 'CLOUDABI_'

# Shapes that stand for a pointer and a length: C type of the pointer seen by programs.
RANGES = {
    'path': 'const char *',
    'iovecs': 'const cloudabi_iovec_t *',
    'ciovecs': 'const cloudabi_ciovec_t *',
    'buffer': 'void *',
    'char buffer': 'char *',
    'const buffer': 'const void *',
    'const fds': 'const cloudabi_fd_t *',
    'range': 'void *',
}
# Shapes that are a bare pointer.
ADDRESSES = {
    'address': 'void *',
    'const subscriptions': 'const cloudabi_subscription_t *',
    'events': 'cloudabi_event_t *',
}


class DefinitionError(Exception):
    pass


@dataclass
class Type:
    kind: str                       # alias opaque enum flags function struct
    name: str
    base: str = ''                  # integer it is made of
    size: int = 0
    doc: list = field(default_factory=list)
    values: list = field(default_factory=list)      # (name, number)
    fields: list = field(default_factory=list)      # (offset, name, type)
    arms: list = field(default_factory=list)        # Arm

    @property
    def c_name(self):
        return 'cloudabi_%s_t' % self.name

    def all_bits(self):
        bits = 0
        for _, number in self.values:
            bits |= number
        return bits


@dataclass
class Arm:
    name: str
    tag: str
    tags: list
    fields: list = field(default_factory=list)


@dataclass
class Need:
    rights: list
    when: str = ''


@dataclass
class Arg:
    name: str
    shape: str                      # a type, or one of the shapes above
    only: list = field(default_factory=list)        # values allowed here
    or_zero: bool = False
    unchecked: bool = False
    one: bool = False               # exactly one flag
    refusal: str = 'EINVAL'         # error for a value that is not allowed
    number: bool = False            # descriptor handed on as a number, not looked up
    and_number: bool = False        # looked up, and its number handed on too
    optional: bool = False          # descriptor that may be absent (all ones)
    needs: list = field(default_factory=list)

    def is_range(self):
        return self.shape in RANGES

    def slots(self):
        return 2 if self.is_range() else 1


@dataclass
class Call:
    number: int
    name: str
    noreturn: bool = False
    doc: list = field(default_factory=list)
    args: list = field(default_factory=list)
    outs: list = field(default_factory=list)        # (name, type)
    errors: list = field(default_factory=list)      # (errno, cause)
    error_sets: list = field(default_factory=list)


@dataclass
class Definition:
    types: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)
    error_sets: dict = field(default_factory=dict)

    def c_type(self, text):
        """C type of a type expression of the definition; pointers end in '*'."""
        if text in RANGES or text in ADDRESSES:
            return RANGES.get(text) or ADDRESSES[text]
        words = text.split()
        const = ''
        if words[0] == 'const':
            const, words = 'const ', words[1:]
        if words[0] == 'ptr':
            if words[1] == 'atomic':
                return '_Atomic(%s) *' % self.c_type(words[2])
            target = words[1]
            if target in self.types and self.types[target].kind == 'function':
                return self.types[target].c_name + ' *'
            return '%s%s *' % (const, target if target in ('void', 'char') else self.c_type(target))
        if text == 'size':
            return 'size_t'
        if text == 'char':
            return 'char'
        if text in INT_SIZES:
            return text + '_t'
        if text in self.types:
            return self.types[text].c_name
        raise DefinitionError('unknown type: ' + text)

    def size(self, text):
        words = text.split()
        if 'ptr' in words:
            return 8
        if words[0] == 'array':
            return int(words[1]) * self.size(words[2])
        if text in INT_SIZES:
            return INT_SIZES[text]
        kind = self.types[text]
        return kind.size or INT_SIZES[kind.base]

    def declare(self, text, name):
        """A C declaration of `name`."""
        words = text.split()
        if words[0] == 'array':
            return '%s %s[%s]' % (self.c_type(words[2]), name, words[1])
        c_type = self.c_type(text)
        return c_type + name if c_type.endswith('*') else '%s %s' % (c_type, name)
