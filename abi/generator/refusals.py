# SPDX-License-Identifier: BSD-2-Clause
"""The refusal matrix: for each call and each right that it needs, one row. The conformance suite makes each
call once with all needed rights and once without this one, and expects ENOTCAPABLE the second time only."""

from .headers import HEAD
from .kernel import is_fd
from .model import PREFIX


def rows(call):
    position = 0
    for arg in call.args:
        if is_fd(arg):
            everything = [right for need in arg.needs if not need.when for right in need.rights]
            for need in arg.needs:
                for right in need.rights:
                    yield position, arg.name, right, need.when, sorted(set(everything + need.rights))
        position += arg.slots()


def header(definition):
    lines = ['/* X(call, position of the descriptor among the inputs, its name, right left out, rights needed,',
             ' *   condition on the other arguments or "") for each right that a call needs. */',
             '#ifndef ABI_REFUSALS_H', '#define ABI_REFUSALS_H', '', '#define CLOUDABI_REFUSALS(X) \\']
    table = []
    for call in definition.calls:
        for position, name, right, when, needed in rows(call):
            bits = ' | '.join(PREFIX + 'RIGHT_' + other for other in needed)
            table.append('    X(%s, %d, %s, %sRIGHT_%s, %s, "%s")'
                         % (call.name, position, name, PREFIX, right, bits, when))
    return HEAD + '\n'.join(lines + [' \\\n'.join(table), '', '#endif', ''])
