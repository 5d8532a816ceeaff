# SPDX-License-Identifier: BSD-2-Clause
"""The reference manual: docs/abi.md."""

from .headers import user_prototype
from .model import PREFIX

INTRODUCTION = """# The ABI

Generated from `abi/cloudabi.def` by `make abi-doc`; do not edit.

The system calls of CloudABI, final revision, for x86-64. A call is a C function of the vDSO; it returns 0 or an
error and stores its results only on success. A path or vector is a pointer and a length. Descriptors carry rights: a
call that names needed rights fails with ENOTCAPABLE if the descriptor lacks one of them, and with EBADF if it is
not open. These two are decided before anything else, and a refused call changes nothing.
"""


def needed(arg):
    """Rows (rights, condition) of what a descriptor argument needs."""
    if arg.shape not in ('fd', 'lookup') or arg.number:
        return []
    rows = []
    for need in arg.needs:
        when = need.when.replace(PREFIX, '').replace('&&', 'and').replace('||', 'or')
        rows.append((' and '.join('`%s`' % right for right in need.rights), when))
    return rows or [('no right', '')]


def rights_lines(call):
    lines = []
    for arg in call.args:
        for rights, when in needed(arg):
            condition = ' when `%s`' % when if when else ''
            lines.append('- `%s` needs %s%s' % (arg.name, rights, condition))
    return lines + [''] if lines else []


def errors_of(definition, call):
    """All errors of a call with their causes: its own, those of sets, those of descriptors."""
    rows = list(call.errors)
    for arg in call.args:
        if arg.shape in ('fd', 'lookup') and not arg.number:
            unless = ' and not MAP_ANON_FD' if arg.optional else ''
            rows.append(('EBADF', '%s is not open%s' % (arg.name, unless)))
            if arg.needs:
                rows.append(('ENOTCAPABLE', '%s lacks a needed right' % arg.name))
    for name in call.error_sets:
        rows += definition.error_sets[name]
    causes = {}
    for name, cause in rows:
        causes.setdefault(name, [])
        if cause not in causes[name]:
            causes[name].append(cause)
    return sorted(causes.items())


def call_section(definition, call):
    lines = ['### %d %s' % (call.number, call.name), '', ' '.join(call.doc), '',
             '```c', user_prototype(definition, call) + ';', '```', '']
    lines += rights_lines(call)
    rows = errors_of(definition, call)
    if rows:
        lines += ['| error | cause |', '|---|---|']
        lines += ['| %s | %s |' % (name, '; or '.join(causes).replace('|', '\\|')) for name, causes in rows]
    else:
        lines.append('Never fails.' if not call.noreturn else 'Does not return.')
    return lines + ['']


def type_section(definition, kind):
    lines = ['### %s' % kind.c_name, '', ' '.join(kind.doc), '']
    if kind.kind == 'struct':
        lines += ['%d bytes.' % kind.size, '', '| offset | field | type |', '|---|---|---|']
        lines += ['| %d | %s | `%s` |' % (o, n, t) for o, n, t in kind.fields]
        for arm in kind.arms:
            prefix = arm.name + '.' if arm.name else ''
            tags = ' (%s: %s)' % (arm.tag, ', '.join(arm.tags))
            lines += ['| %d | %s%s%s | `%s` |' % (o, prefix, n, tags, t) for o, n, t in arm.fields]
    elif kind.kind == 'function':
        lines.append('A function of (%s).' % ', '.join(definition.declare(t, n) for _, n, t in kind.fields))
    else:
        lines.append('`%s`' % definition.c_type(kind.base))
        if kind.values:
            lines += ['', '| name | value |', '|---|---|']
            show = hex if kind.kind == 'flags' else str
            lines += ['| %s%s | %s |' % (PREFIX, name, show(value)) for name, value in kind.values]
    return lines + ['']


def manual(definition):
    lines = [INTRODUCTION, '## Calls', '']
    for call in definition.calls:
        lines += call_section(definition, call)
    lines += ['## Types', '']
    for kind in definition.types.values():
        lines += type_section(definition, kind)
    return '\n'.join(lines).rstrip() + '\n'
