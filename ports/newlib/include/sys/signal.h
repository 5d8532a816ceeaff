/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replaces newlib's file of this name. Signal numbers are those of the ABI. There is no asynchronous
 * delivery: handlers run only for raise() and kill(getpid()) in the calling thread, else the default
 * action is taken by the kernel. Masks are kept per process and hold back raise() alone.
 */
#ifndef _SYS_SIGNAL_H
#define _SYS_SIGNAL_H

#include <_ansi.h>
#include <sys/cdefs.h>
#include <sys/features.h>
#include <sys/types.h>
#include <sys/_sigset.h>
#include <sys/_timespec.h>

#ifdef __cplusplus
extern "C" {
#endif

#if !defined(_SIGSET_T_DECLARED)
#define _SIGSET_T_DECLARED
typedef __sigset_t sigset_t;
#endif

#define SIGABRT 1
#define SIGALRM 2
#define SIGBUS 3
#define SIGCHLD 4
#define SIGCONT 5
#define SIGFPE 6
#define SIGHUP 7
#define SIGILL 8
#define SIGINT 9
#define SIGKILL 10
#define SIGPIPE 11
#define SIGQUIT 12
#define SIGSEGV 13
#define SIGSTOP 14
#define SIGSYS 15
#define SIGTERM 16
#define SIGTRAP 17
#define SIGTSTP 18
#define SIGTTIN 19
#define SIGTTOU 20
#define SIGURG 21
#define SIGUSR1 22
#define SIGUSR2 23
#define SIGVTALRM 24
#define SIGXCPU 25
#define SIGXFSZ 26
/* (Not while newlib is compiled: its strsignal has a case for each name that exists.) */
#ifndef _COMPILING_NEWLIB
#define SIGCLD SIGCHLD
#define SIGIOT SIGABRT
#define SIGPOLL SIGURG
#define SIGIO SIGURG
#endif
#define SIGWINCH 27
#define SIGPROF 28
#define NSIG 32
#define _NSIG NSIG

#define SA_NOCLDSTOP 0x1
#define SA_SIGINFO 0x2
#define SA_ONSTACK 0x4
#define SA_RESTART 0x8
#define SA_RESETHAND 0x10
#define SA_NODEFER 0x20
#define SA_NOCLDWAIT 0x40

#define SIG_SETMASK 0
#define SIG_BLOCK 1
#define SIG_UNBLOCK 2

#define SI_USER 1
#define SI_QUEUE 2
#define SI_TIMER 3
#define SIGEV_NONE 1
#define SIGEV_SIGNAL 2
#define SIGEV_THREAD 3

#define SIGSTKSZ 8192
#define MINSIGSTKSZ 2048
#define SS_ONSTACK 1
#define SS_DISABLE 2

union sigval {
    int sival_int;
    void *sival_ptr;
};

struct sigevent {
    int sigev_notify;
    int sigev_signo;
    union sigval sigev_value;
    void (*sigev_notify_function)(union sigval);
    pthread_attr_t *sigev_notify_attributes;
};

typedef struct {
    int si_signo;
    int si_code;
    int si_errno;
    pid_t si_pid;
    uid_t si_uid;
    void *si_addr;
    int si_status;
    union sigval si_value;
} siginfo_t;

typedef void (*_sig_func_ptr)(int);

struct sigaction {
    int sa_flags;
    sigset_t sa_mask;
    union {
        _sig_func_ptr _handler;
        void (*_sigaction)(int, siginfo_t *, void *);
    } _signal_handlers;
};
#define sa_handler _signal_handlers._handler
#define sa_sigaction _signal_handlers._sigaction

typedef struct sigaltstack {
    void *ss_sp;
    int ss_flags;
    size_t ss_size;
} stack_t;

int sigprocmask(int, const sigset_t *, sigset_t *);
int pthread_sigmask(int, const sigset_t *, sigset_t *);
int pthread_kill(pthread_t, int);
int kill(pid_t, int);
int killpg(pid_t, int);
int sigaction(int, const struct sigaction *, struct sigaction *);
int sigaddset(sigset_t *, int);
int sigdelset(sigset_t *, int);
int sigismember(const sigset_t *, int);
int sigfillset(sigset_t *);
int sigemptyset(sigset_t *);
int sigpending(sigset_t *);
int sigsuspend(const sigset_t *);
int sigwait(const sigset_t *, int *);
int siginterrupt(int, int);
int sigaltstack(const stack_t *, stack_t *);

#ifdef __cplusplus
}
#endif

#ifndef _SIGNAL_H_
#include <signal.h>
#endif

#endif
