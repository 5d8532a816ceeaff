# SPDX-License-Identifier: BSD-2-Clause
"""The vDSO's stubs: a function for each call, as programs see it, around one system call instruction.

In: rdi rsi rdx rcx r8 r9, inputs first, then one pointer per output (the seventh on the stack). The kernel
wants the number in eax and the fourth input in r10. It returns with the carry flag clear and results in
rax and rdx, or with the carry flag set and the error in eax. The stack and callee-saved registers are kept."""

from .headers import HEAD

REGISTERS = ['%rdi', '%rsi', '%rdx', '%rcx', '%r8', '%r9']
RESULTS = [('%eax', '%rax'), ('%edx', '%rdx')]
POINTERS = ['%rcx', '%rsi']            # free after the call

# These are C functions in abi/vdso/time.c; their stubs here are what they fall back on.
IN_C = ('clock_res_get', 'clock_time_get')


def stub(definition, call):
    inputs = sum(arg.slots() for arg in call.args)
    saved = REGISTERS[inputs:inputs + len(call.outs)]
    name = ('trap_' if call.name in IN_C else 'cloudabi_sys_') + call.name
    lines = ['    .globl %s' % name, '    .type %s, @function' % name]
    if call.name in IN_C:
        lines.append('    .hidden ' + name)
    lines += ['    .p2align 3', name + ':']
    lines += ['    push %s' % register for register in saved]
    if inputs > 3:
        lines.append('    mov %rcx, %r10')
    lines += ['    mov $%d, %%eax' % call.number, '    syscall']
    if call.noreturn:
        lines.append('    ud2')
    elif call.outs:
        lines += results(definition, call, len(saved))
    else:
        lines.append('    ret')
    return lines + ['    .size %s, . - %s' % (name, name), '']


def results(definition, call, saved):
    """Fetch the pointers back (neither pop nor mov changes the carry flag) and store through them."""
    lines = []
    for index in reversed(range(len(call.outs))):
        fetch = 'pop' if index < saved else 'mov 8(%rsp),'
        lines.append('    %s %s' % (fetch, POINTERS[index]))
    lines.append('    jc 1f')
    for index, (_, kind) in enumerate(call.outs):
        register = RESULTS[index][0 if kind != 'address' and definition.size(kind) == 4 else 1]
        lines.append('    mov %s, (%s)' % (register, POINTERS[index]))
    return lines + ['    xor %eax, %eax', '1:  ret']


def stubs(definition):
    lines = ['    .text', '']
    for call in definition.calls:
        lines += stub(definition, call)
    return HEAD + '\n'.join(lines + ['    .section .note.GNU-stack, "", @progbits', ''])
