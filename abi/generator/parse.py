# SPDX-License-Identifier: BSD-2-Clause
"""Reader of the definition. Every line that it does not understand is an error with its number."""

from .model import Arg, Arm, Call, Definition, DefinitionError, Need, Type, ADDRESSES, RANGES

TYPE_WORDS = ('alias', 'opaque', 'enum', 'flags', 'function', 'struct')
MODIFIERS = ('needs', 'number', 'and', 'optional', 'only', 'or', 'unchecked', 'one', 'else')


class Parser:
    def __init__(self):
        self.definition = Definition()
        self.current = None             # Type, Call or list of errors that indented lines belong to
        self.arm = None

    def parse(self, text):
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith('#'):
                continue
            try:
                if line.startswith(' '):
                    self.inside(len(line) - len(line.lstrip()), line.strip())
                else:
                    self.head(line.split())
            except (DefinitionError, ValueError, IndexError, KeyError) as problem:
                raise DefinitionError('line %d: %s: %s' % (number, line.strip(), problem))
        return self.definition

    def head(self, words):
        self.arm = None
        if words[0] in TYPE_WORDS:
            self.current = Type(words[0], words[1])
            if words[0] == 'struct':
                self.current.size = int(words[2])
            elif words[0] != 'function':
                self.current.base = words[2]
            self.definition.types[words[1]] = self.current
        elif words[0] == 'call':
            self.current = Call(int(words[1]), words[2], 'noreturn' in words[3:])
            self.definition.calls.append(self.current)
        elif words[0] == 'errors':
            self.current = self.definition.error_sets.setdefault(words[1], [])
        else:
            raise DefinitionError('not a type, call or set of errors')

    def inside(self, indent, text):
        if isinstance(self.current, Type):
            self.type_line(indent, text)
        elif isinstance(self.current, Call):
            self.call_line(indent, text)
        else:
            self.current.append(self.error(text))

    def type_line(self, indent, text):
        words = text.split()
        if words[0] == '|':
            self.current.doc.append(text[1:].strip())
        elif words[0] == 'arm':
            tags = text.split(':')[1].split()
            self.arm = Arm('' if words[1] == '-' else words[1], words[3].rstrip(':'), tags)
            self.current.arms.append(self.arm)
        elif self.current.kind == 'struct':
            owner = self.arm if self.arm and indent > 4 else self.current
            owner.fields.append((int(words[0]), words[1], ' '.join(words[2:])))
        elif self.current.kind == 'function':
            self.current.fields.append((0, words[0], ' '.join(words[1:])))
        else:
            self.current.values.append((words[0], int(words[1], 0)))

    def call_line(self, indent, text):
        words = text.split()
        if words[0] == '|':
            self.current.doc.append(text[1:].strip())
        elif indent > 4:
            self.need(self.current.args[-1], words)
        elif words[0] == 'error':
            self.current.errors.append(self.error(text))
        elif words[0] == 'errors':
            self.current.error_sets.append(words[1])
        elif words[0] == 'out' and words[1] not in ('ptr', 'events'):
            self.current.outs.append((words[1], ' '.join(words[2:])))
        else:
            self.current.args.append(self.argument(words))

    @staticmethod
    def error(text):
        _, name, cause = text.split(None, 2)
        return name, cause

    @staticmethod
    def need(arg, words):
        if words[0] != 'needs':
            raise DefinitionError('only needs may follow an argument')
        if 'when' in words:
            at = words.index('when')
            arg.needs.append(Need(words[1:at], ' '.join(words[at + 1:])))
        elif words[1] != 'none':
            arg.needs.append(Need(words[1:]))

    def argument(self, words):
        end = next((i for i, word in enumerate(words) if i and word in MODIFIERS), len(words))
        arg = Arg(words[0], ' '.join(words[1:end]))
        if arg.shape not in RANGES and arg.shape not in ADDRESSES:
            self.definition.c_type(arg.shape)
        rest = words[end:]
        if rest and rest[0] == 'needs':
            self.need(arg, rest)
        elif rest and rest[0] == 'only':
            arg.only = rest[1:]
        elif rest == ['or', '0']:
            arg.or_zero = True
        elif rest == ['and', 'number']:
            arg.and_number = True
        elif rest and rest[0] == 'else':
            arg.refusal = rest[1]
        elif rest:
            setattr(arg, rest[0], True)
        return arg


def check(definition):
    """What the grammar alone does not assure."""
    rights = {name for name, _ in definition.types['rights'].values}
    errors = {name for name, _ in definition.types['errno'].values}
    for number, call in enumerate(definition.calls):
        if call.number != number:
            raise DefinitionError('%s: calls must be numbered in order' % call.name)
        if sum(arg.slots() for arg in call.args) > 6 or len(call.outs) > 2:
            raise DefinitionError('%s: too many arguments' % call.name)
        for arg in call.args:
            for right in (right for need in arg.needs for right in need.rights):
                if 'RIGHT_' + right not in rights:
                    raise DefinitionError('%s: unknown right %s' % (call.name, right))
        for name, _ in call.errors:
            if name not in errors:
                raise DefinitionError('%s: unknown error %s' % (call.name, name))
        for name in call.error_sets:
            if name not in definition.error_sets:
                raise DefinitionError('%s: unknown set of errors %s' % (call.name, name))


def read(path):
    with open(path, encoding='utf-8') as file:
        definition = Parser().parse(file.read())
    check(definition)
    return definition
