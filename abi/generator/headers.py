# SPDX-License-Identifier: BSD-2-Clause
"""C headers: types with asserted layouts, and the prototypes that programs see."""

from .model import PREFIX

HEAD = '/* SPDX-License-Identifier: BSD-2-Clause */\n/* Generated from abi/cloudabi.def. */\n\n'


def number(value, base):
    if value > 0x7fffffff or base == 'uint64':
        return '0x%xU' % value if base != 'uint64' else 'UINT64_C(0x%x)' % value
    return str(value)


def integer_type(definition, kind):
    lines = ['/* %s */' % ' '.join(kind.doc)]
    lines.append('typedef %s;' % definition.declare(kind.base, kind.c_name))
    for name, value in kind.values:
        text = number(value, kind.base)
        if kind.kind == 'flags' and kind.base != 'uint64':
            text = hex(value)
        if kind.kind == 'opaque' and kind.base == 'uint32':
            text = '0x%xU' % value
        lines.append('#define %-45s ((%s)%s)' % (PREFIX + name, kind.c_name, text))
    return lines


def function_type(definition, kind):
    arguments = ', '.join(definition.declare(t, name) for _, name, t in kind.fields)
    return ['/* %s */' % ' '.join(kind.doc), 'typedef void %s(%s);' % (kind.c_name, arguments)]


def member(definition, kind, name):
    """A field; in the kernel a user's pointer is a number, which nobody can follow by mistake."""
    if 'ptr' in kind.split():
        return 'CLOUDABI_USER(%s) %s;' % (definition.c_type(kind), name)
    return definition.declare(kind, name) + ';'


def struct_type(definition, kind):
    lines = ['/* %s */' % ' '.join(kind.doc), 'typedef struct {']
    lines += ['    ' + member(definition, t, name) for _, name, t in kind.fields]
    if kind.arms:
        lines.append('    union {')
        for arm in kind.arms:
            fields = [member(definition, t, name) for _, name, t in arm.fields]
            if arm.name:
                lines.append('        struct {  /* %s: %s */' % (arm.tag, ', '.join(arm.tags)))
                lines += ['            ' + text for text in fields]
                lines.append('        } %s;' % arm.name)
            else:
                lines += ['        %s  /* %s */' % (text, ', '.join(arm.tags)) for text in fields]
        lines.append('    };')
    lines.append('} %s;' % kind.c_name)
    return lines


def struct_asserts(definition, kind):
    places = [(offset, name, t) for offset, name, t in kind.fields]
    for arm in kind.arms:
        prefix = arm.name + '.' if arm.name else ''
        places += [(offset, prefix + name, t) for offset, name, t in arm.fields]
    c_name = kind.c_name
    lines = ['CLOUDABI_ASSERT(sizeof(%s) == %d);' % (c_name, kind.size)]
    for offset, name, t in places:
        lines.append('CLOUDABI_ASSERT(offsetof(%s, %s) == %d);' % (c_name, name, offset))
        lines.append('CLOUDABI_ASSERT(sizeof(((%s *)0)->%s) == %d);'
                     % (c_name, name, definition.size(t)))
    return lines


def types_header(definition):
    lines = ['#ifndef ABI_CLOUDABI_TYPES_H', '#define ABI_CLOUDABI_TYPES_H', '',
             '#include <stddef.h>', '#include <stdint.h>', '',
             '#define CLOUDABI_ASSERT(condition) _Static_assert(condition, #condition)', '',
             '/* A pointer in a structure: in the kernel an address of the user, not to be followed. */',
             '#ifdef TESSERA_KERNEL', '#define CLOUDABI_USER(type) uint64_t', '#else',
             '#define CLOUDABI_USER(type) type', '#endif', '']
    for kind in definition.types.values():
        if kind.kind == 'struct':
            lines += struct_type(definition, kind) + struct_asserts(definition, kind)
        elif kind.kind == 'function':
            lines += function_type(definition, kind)
        else:
            lines += integer_type(definition, kind)
            lines.append('CLOUDABI_ASSERT(sizeof(%s) == %d);' % (kind.c_name, definition.size(kind.name)))
        lines.append('')
    lines += ['/* Numbers of the calls. */']
    lines += ['#define %-45s %d' % ('CLOUDABI_CALL_' + c.name.upper(), c.number) for c in definition.calls]
    lines += ['#define %-45s %d' % ('CLOUDABI_NCALLS', len(definition.calls)), '']
    lines += ['/* X(name) for each call, in the order of their numbers. */',
              '#define CLOUDABI_ALL_CALLS(X) \\',
              ' \\\n'.join('    X(%s)' % call.name for call in definition.calls), '']
    for name in ('errno', 'rights', 'filetype', 'signal'):
        lines += all_values(definition.types[name])
    lines += ['#endif', '']
    return HEAD + '\n'.join(lines)


def all_values(kind):
    """A list macro, for tables of names: X(EBADF, CLOUDABI_EBADF)."""
    lines = ['/* X(name, value) for each: for tables of names. */',
             '#define CLOUDABI_ALL_%s(X) \\' % kind.name.upper()]
    rows = ['    X(%s, %s)' % (name.replace('RIGHT_', ''), PREFIX + name) for name, _ in kind.values]
    return lines + [' \\\n'.join(rows), '']


def user_arguments(definition, call):
    parts = []
    for arg in call.args:
        parts.append(definition.declare(arg.shape, arg.name))
        if arg.is_range():
            parts.append('size_t %s_len' % arg.name)
    for name, kind in call.outs:
        c_type = definition.c_type(kind)
        parts.append('%s*%s' % (c_type if c_type.endswith('*') else c_type + ' ', name))
    return parts


def function_head(result, name, parts):
    """A function's head, in lines of at most 100 columns."""
    lines = ['%s %s(' % (result, name)]
    indent = ' ' * len(lines[0])
    for index, part in enumerate(parts or ['void']):
        text = part + (')' if index + 1 >= len(parts) else ',')
        if len(lines[-1]) + 1 + len(text) > 99:
            lines.append(indent + text)
        else:
            lines[-1] += text if lines[-1].endswith('(') else ' ' + text
    return '\n'.join(lines)


def user_prototype(definition, call):
    result = '_Noreturn void' if call.noreturn else 'cloudabi_errno_t'
    return function_head(result, 'cloudabi_sys_' + call.name, user_arguments(definition, call))


def syscalls_header(definition):
    lines = ['#ifndef ABI_CLOUDABI_SYSCALLS_H', '#define ABI_CLOUDABI_SYSCALLS_H', '',
             '#include "abi/cloudabi_types.h"', '',
             '#ifdef __cplusplus', 'extern "C" {', '#endif', '']
    for call in definition.calls:
        lines += ['/* %s */' % '\n   '.join(call.doc)]
        lines += [user_prototype(definition, call) + ';', '']
    lines += ['#ifdef __cplusplus', '}', '#endif', '', '#endif', '']
    return HEAD + '\n'.join(lines)
