# SPDX-License-Identifier: BSD-2-Clause
"""The kernel's side of each call: prototypes of the handlers, and a decoder for each.

A decoder first looks descriptors up (EBADF, ENOTCAPABLE), then checks values, then copies structures,
paths and vectors in; only then does the handler run. Whatever is refused has changed nothing."""

from .headers import HEAD, function_head
from .model import ADDRESSES, PREFIX, RANGES

COPIED_RANGES = {
    'path': ('struct user_path', 'user_path_copyin', None),
    'iovecs': ('struct user_vec', 'user_vec_copyin', 'user_vec_release'),
    'ciovecs': ('struct user_vec', 'user_vec_copyin', 'user_vec_release'),
}


def is_fd(arg):
    return arg.shape in ('fd', 'lookup') and not arg.number


def struct_in(arg):
    return arg.shape[len('const ptr '):] if arg.shape.startswith('const ptr ') else ''


def struct_out(arg):
    words = arg.shape.split()
    return words[1] if words[0] == 'ptr' and words[1] != 'atomic' else ''


def is_address(arg):
    return (arg.shape in ADDRESSES or arg.shape.startswith('ptr atomic ')
            or (arg.shape in RANGES and arg.shape not in COPIED_RANGES))


def is_scalar(arg):
    return not (is_fd(arg) or struct_in(arg) or struct_out(arg) or is_address(arg)
                or arg.shape in COPIED_RANGES)


def c_value(name):
    return name if name[0].isdigit() else PREFIX + name


def out_type(definition, kind):
    return 'user_addr_t' if kind == 'address' else definition.c_type(kind)


def parameters(definition, call):
    """The handler's parameters."""
    parts = []
    for arg in call.args:
        if is_fd(arg):
            parts.append('const struct fd_grant *' + arg.name)
            if arg.shape == 'lookup':
                parts.append('cloudabi_lookupflags_t %s_flags' % arg.name)
            if arg.and_number:
                parts.append('cloudabi_fd_t %s_number' % arg.name)
        elif arg.shape in COPIED_RANGES:
            parts.append('const %s *%s' % (COPIED_RANGES[arg.shape][0], arg.name))
        elif struct_in(arg):
            parts.append('const %s *%s' % (definition.c_type(struct_in(arg)), arg.name))
        elif struct_out(arg):
            parts.append('%s *%s' % (definition.c_type(struct_out(arg)), arg.name))
        elif is_address(arg):
            parts.append('user_addr_t ' + arg.name)
            if arg.is_range():
                parts.append('size_t %s_len' % arg.name)
        else:
            parts.append(definition.declare(arg.shape, arg.name))
    parts += ['%s *%s' % (out_type(definition, kind), name) for name, kind in call.outs]
    return parts


def prototype(definition, call):
    result = '_Noreturn void' if call.noreturn else 'cloudabi_errno_t'
    return function_head(result, 'sys_' + call.name, parameters(definition, call))


def calls_header(definition):
    lines = ['/* Handlers of the calls. What they get is looked up, checked and copied in already; the caller',
             ' * drops the references. A result is stored only on success. */',
             '#ifndef ABI_KERNEL_CALLS_H', '#define ABI_KERNEL_CALLS_H', '',
             '#include "kernel/syscall/decode.h"', '']
    for call in definition.calls:
        lines += ['/* %s */' % '\n * '.join(call.doc), prototype(definition, call) + ';', '']
    lines += ['/* Decoders by call number; results are left in out[]. */',
              'extern cloudabi_errno_t (*const syscall_table[CLOUDABI_NCALLS])(struct syscall_frame *f);',
              'extern const char *const syscall_name[CLOUDABI_NCALLS];',
              '', '#endif', '']
    return HEAD + '\n'.join(lines)


class Decoder:
    """Builds the body of one decoder. `undo` holds what is to be released, oldest first."""

    def __init__(self, definition, call):
        self.definition, self.call = definition, call
        self.locals, self.steps, self.undo, self.after = [], [], [], []
        self.slot = {}
        position = 0
        for arg in call.args:
            self.slot[arg.name] = position
            position += arg.slots()

    def register(self, arg, more=0):
        return 'f->arg[%d]' % (self.slot[arg.name] + more)

    def fail(self):
        return 'goto put_%s;' % self.undo[-1][0] if self.undo else 'return error;'

    def attempt(self, expression):
        self.steps += ['    error = %s;' % expression, '    if (error != 0)', '        ' + self.fail()]

    def refuse(self, condition, errno):
        self.steps.append('    if (%s)%s' % (condition, ' {' if self.undo else ''))
        if self.undo:
            self.steps += ['        error = %s;' % (PREFIX + errno), '        ' + self.fail(), '    }']
        else:
            self.steps.append('        return %s;' % (PREFIX + errno))

    def scalars(self):
        for arg in self.call.args:
            if is_scalar(arg):
                c_type = self.definition.c_type(arg.shape)
                self.locals.append('const %s %s = (%s)%s;' % (c_type, arg.name, c_type, self.register(arg)))

    def rights(self, arg):
        """The needed rights as an expression over the other arguments."""
        parts = []
        for need in arg.needs:
            bits = ' | '.join(PREFIX + 'RIGHT_' + right for right in need.rights)
            parts.append('((%s) ? %s : 0)' % (need.when, bits) if need.when else bits)
        return ' | '.join(parts) or '0'

    def descriptor(self, arg):
        number = '(cloudabi_fd_t)' + self.register(arg)
        if not arg.optional:
            self.locals.append('struct fd_grant %s;' % arg.name)
            self.attempt('fd_get(%s, %s, &%s)' % (number, self.rights(arg), arg.name))
            self.undo.append((arg.name, 'fd_put(&%s);' % arg.name))
            return
        self.locals += ['struct fd_grant %s_grant;' % arg.name,
                        'const struct fd_grant *%s = NULL;' % arg.name]
        self.steps += ['    if (%s != %sMAP_ANON_FD) {' % (number, PREFIX),
                       '        error = fd_get(%s, %s, &%s_grant);' % (number, self.rights(arg), arg.name),
                       '        if (error != 0)', '            ' + self.fail(),
                       '        %s = &%s_grant;' % (arg.name, arg.name), '    }']
        self.undo.append((arg.name, 'if (%s != NULL)\n        fd_put(&%s_grant);' % (arg.name, arg.name)))

    def check(self, arg):
        kind = self.definition.types.get(arg.shape)
        if arg.shape == 'lookup':
            kind = self.definition.types['lookupflags']
            self.refuse('(%s >> 32) & ~UINT64_C(0x%x)' % (self.register(arg), kind.all_bits()), 'EINVAL')
        elif arg.only:
            self.refuse(' && '.join('%s != %s' % (arg.name, c_value(name)) for name in arg.only), arg.refusal)
        elif kind is None or arg.unchecked or arg.number:
            return
        elif kind.kind == 'flags':
            condition = '%s & ~0x%xU' % (arg.name, kind.all_bits())
            if arg.one:
                condition = '(%s) || !%s || (%s & (%s - 1))' % (condition, arg.name, arg.name, arg.name)
            self.refuse(condition, arg.refusal)
        elif kind.kind == 'enum':
            numbers = sorted(value for _, value in kind.values)
            low, high = 0 if arg.or_zero else numbers[0], numbers[-1]
            if numbers == list(range(numbers[0], high + 1)):
                condition = '%s > %d' % (arg.name, high)
                self.refuse('%s < %d || %s' % (arg.name, low, condition) if low else condition, arg.refusal)
            else:
                self.refuse(' && '.join('%s != %d' % (arg.name, n) for n in numbers), arg.refusal)

    def copy_in(self, arg):
        name = arg.name
        if struct_in(arg):
            self.locals.append('%s %s;' % (self.definition.c_type(struct_in(arg)), name))
            self.attempt('copy_from_user(&%s, user_addr(%s), sizeof(%s))' % (name, self.register(arg), name))
        elif arg.shape in COPIED_RANGES:
            c_type, copy, release = COPIED_RANGES[arg.shape]
            self.locals.append('%s %s;' % (c_type, name))
            self.attempt('%s(&%s, user_addr(%s), %s)'
                         % (copy, name, self.register(arg), self.register(arg, 1)))
            if release:
                self.undo.append((name, '%s(&%s);' % (release, name)))
        elif struct_out(arg):
            self.locals.append('%s %s;' % (self.definition.c_type(struct_out(arg)), name))
            self.steps.append('    __builtin_memset(&%s, 0, sizeof(%s));' % (name, name))
            self.after.append('error = copy_to_user(user_addr(%s), &%s, sizeof(%s));'
                              % (self.register(arg), name, name))

    def passed(self, arg):
        """What the handler gets for an argument."""
        if is_fd(arg):
            text = arg.name if arg.optional else '&' + arg.name
            if arg.shape == 'lookup':
                text += ', (cloudabi_lookupflags_t)(%s >> 32)' % self.register(arg)
            return text + (', (cloudabi_fd_t)%s' % self.register(arg) if arg.and_number else '')
        if is_address(arg):
            text = 'user_addr(%s)' % self.register(arg)
            return text + (', %s' % self.register(arg, 1) if arg.is_range() else '')
        return arg.name if is_scalar(arg) else '&' + arg.name

    def results(self):
        for index, (name, kind) in enumerate(self.call.outs):
            self.locals.append('%s %s;' % (out_type(self.definition, kind), name))
            value = name + '.va' if kind == 'address' else name
            self.after.append('f->out[%d] = %s;' % (index, value))

    def invoke(self):
        arguments = [self.passed(arg) for arg in self.call.args]
        arguments += ['&' + name for name, _ in self.call.outs]
        text = 'sys_%s(%s)' % (self.call.name, ', '.join(arguments))
        if self.call.noreturn:
            self.steps.append('    %s;' % text)
        elif not self.after and not self.undo:
            self.steps.append('    return %s;' % text)
        else:
            self.steps.append('    error = %s;' % text)
            self.finish()

    def finish(self):
        if self.after:
            body = ['        ' + line for line in self.after]
            self.steps += ['    if (error == 0)%s' % (' {' if len(body) > 1 else '')] + body
            self.steps += ['    }'] if len(body) > 1 else []
        for name, text in reversed(self.undo):
            self.steps += ['put_%s:' % name] if any('put_%s;' % name in s for s in self.steps) else []
            self.steps.append('    ' + text)
        self.steps.append('    return error;')

    def text(self):
        self.scalars()
        for arg in filter(is_fd, self.call.args):
            self.descriptor(arg)
        for arg in self.call.args:
            if is_scalar(arg) or arg.shape == 'lookup':
                self.check(arg)
        for arg in sorted(self.call.args, key=lambda a: a.shape in COPIED_RANGES):
            self.copy_in(arg)
        self.results()
        self.invoke()
        if any('error' in step for step in self.steps):
            self.locals.append('cloudabi_errno_t error;')
        unused = ['    (void)f;'] if not self.call.args and not self.call.outs else []
        return (['static cloudabi_errno_t call_%s(struct syscall_frame *f)' % self.call.name, '{']
                + ['    ' + line for line in self.locals] + unused + self.steps + ['}', ''])


def dispatch_source(definition):
    lines = ['/* Decoders of the calls\' arguments, and the table of calls. */',
             '#include "abi/kernel_calls.h"', '']
    for call in definition.calls:
        lines += Decoder(definition, call).text()
    lines.append('cloudabi_errno_t (*const syscall_table[CLOUDABI_NCALLS])(struct syscall_frame *f) = {')
    lines += ['    [%d] = call_%s,' % (call.number, call.name) for call in definition.calls]
    lines += ['};', '', 'const char *const syscall_name[CLOUDABI_NCALLS] = {']
    lines += ['    [%d] = "%s",' % (call.number, call.name) for call in definition.calls]
    return HEAD + '\n'.join(lines + ['};', ''])


def missing_source(definition):
    """Handlers that the kernel does not have yet: a real one takes the place of the weak one."""
    lines = ['/* A call whose handler the kernel does not have returns ENOSYS. */',
             '#include "abi/kernel_calls.h"', '',
             '#pragma clang diagnostic ignored "-Wunused-parameter"', '']
    for call in definition.calls:
        if not call.noreturn:
            lines += ['__attribute__((weak)) ' + prototype(definition, call),
                      '{', '    return CLOUDABI_ENOSYS;', '}', '']
    return HEAD + '\n'.join(lines)
