/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replaces newlib's file of this name. A jump buffer holds the callee-saved registers, the return
 * address, and the pointer of the unsafe stack (SafeStack); see libc/arch/setjmp.S.
 * There are no asynchronous signals, so the sig- forms keep no mask.
 */
#ifndef _MACHINE_SETJMP_H
#define _MACHINE_SETJMP_H

_BEGIN_STD_C

#define _JBTYPE long
#define _JBLEN 10
typedef _JBTYPE jmp_buf[_JBLEN];
typedef jmp_buf sigjmp_buf;

#define sigsetjmp(env, savemask) ((void)(savemask), setjmp(env))
#define siglongjmp(env, val) longjmp((env), (val))
#define _setjmp(env) setjmp(env)
#define _longjmp(env, val) longjmp((env), (val))

_END_STD_C

#endif
