/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals without asynchronous delivery: a handler runs when the process raises the signal itself, in the
 * thread that does; otherwise the kernel takes the default action.
 *
 * Keys: a = atomic.
 */
#include <reent.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "libc/unix/unix.h"

static struct sigaction
    actions[NSIG];                /* changed by sigaction only; a reader may see either action */
static _Atomic(sigset_t) blocked; /* a */
static _Atomic(sigset_t) pending; /* a */

static sigset_t bit_of(int sig)
{
    return (sigset_t)1 << sig;
}

static bool bad_signal(int sig)
{
    if (sig > 0 && sig < NSIG)
        return false;
    errno = EINVAL;
    return true;
}

static int deliver(int sig)
{
    struct sigaction action = actions[sig];

    if (action.sa_handler == SIG_IGN)
        return 0;
    if (action.sa_handler == SIG_DFL)
        return sig > SIGXFSZ ? 0 : result(cloudabi_sys_proc_raise((cloudabi_signal_t)sig));
    if ((action.sa_flags & SA_RESETHAND) != 0)
        actions[sig].sa_handler = SIG_DFL;
    if ((action.sa_flags & SA_SIGINFO) != 0) {
        siginfo_t info = {.si_signo = sig, .si_code = SI_USER, .si_pid = getpid()};
        action.sa_sigaction(sig, &info, NULL);
    } else {
        action.sa_handler(sig);
    }
    return 0;
}

int raise(int sig)
{
    if (sig == 0)
        return 0;
    if (bad_signal(sig))
        return -1;
    if ((atomic_load(&blocked) & bit_of(sig)) != 0) {
        atomic_fetch_or(&pending, bit_of(sig));
        return 0;
    }
    return deliver(sig);
}

int _raise_r(struct _reent *reent, int sig)
{
    (void)reent;
    return raise(sig);
}

int sigaction(int sig, const struct sigaction *new, struct sigaction *old)
{
    if (bad_signal(sig))
        return -1;
    if (old != NULL)
        *old = actions[sig];
    if (new != NULL && (sig == SIGKILL || sig == SIGSTOP))
        return result(EINVAL);
    if (new != NULL)
        actions[sig] = *new;
    return 0;
}

_sig_func_ptr signal(int sig, _sig_func_ptr handler)
{
    struct sigaction new = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct sigaction old;

    return sigaction(sig, &new, &old) == 0 ? old.sa_handler : SIG_ERR;
}

_sig_func_ptr _signal_r(struct _reent *reent, int sig, _sig_func_ptr handler)
{
    (void)reent;
    return signal(sig, handler);
}

static void deliver_unblocked(void)
{
    sigset_t ready = atomic_load(&pending) & ~atomic_load(&blocked);

    for (int sig = 1; sig < NSIG; sig++) {
        if ((ready & bit_of(sig)) != 0 &&
            (atomic_fetch_and(&pending, ~bit_of(sig)) & bit_of(sig)) != 0)
            (void)deliver(sig);
    }
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    sigset_t before = atomic_load(&blocked);

    if (old != NULL)
        *old = before;
    if (set == NULL)
        return 0;
    if (how == SIG_BLOCK)
        atomic_fetch_or(&blocked, *set);
    else if (how == SIG_UNBLOCK)
        atomic_fetch_and(&blocked, ~*set);
    else if (how == SIG_SETMASK)
        atomic_store(&blocked, *set);
    else
        return EINVAL;
    deliver_unblocked();
    return 0;
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    return result((cloudabi_errno_t)pthread_sigmask(how, set, old));
}

int sigpending(sigset_t *set)
{
    *set = atomic_load(&pending);
    return 0;
}

int sigemptyset(sigset_t *set)
{
    *set = 0;
    return 0;
}

int sigfillset(sigset_t *set)
{
    *set = ~(sigset_t)0;
    return 0;
}

int sigaddset(sigset_t *set, int sig)
{
    if (bad_signal(sig))
        return -1;
    *set |= bit_of(sig);
    return 0;
}

int sigdelset(sigset_t *set, int sig)
{
    if (bad_signal(sig))
        return -1;
    *set &= ~bit_of(sig);
    return 0;
}

int sigismember(const sigset_t *set, int sig)
{
    return bad_signal(sig) ? -1 : (*set & bit_of(sig)) != 0;
}

int sigaltstack(const stack_t *new, stack_t *old)
{
    (void)new;
    if (old != NULL)
        *old = (stack_t){.ss_flags = SS_DISABLE};
    return 0;
}

int siginterrupt(int sig, int flag)
{
    (void)flag;
    return bad_signal(sig) ? -1 : 0;
}

/* Nothing can arrive from outside, so these wait for ever: refuse instead. */
int sigsuspend(const sigset_t *mask)
{
    (void)mask;
    return result(ENOTSUP);
}

int sigwait(const sigset_t *set, int *sig)
{
    (void)set;
    (void)sig;
    return ENOTSUP;
}

int pause(void)
{
    return result(ENOTSUP);
}

unsigned alarm(unsigned seconds)
{
    (void)seconds;
    return 0;
}

void abort(void)
{
    atomic_fetch_and(&blocked, ~bit_of(SIGABRT));
    (void)raise(SIGABRT);
    (void)cloudabi_sys_proc_raise(CLOUDABI_SIGABRT);
    cloudabi_sys_proc_exit(127);
}
