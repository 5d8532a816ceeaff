/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Request slots of a port: kernel/fd/port_call.c, port_deliver.c, port.c, and the loop of pseudofd/server/server.c.
 *
 * Three slots, of which slot 0 is kept for the kernel's own notes. Clients 0 and 1 belong to one job whose share is
 * one slot. The service may keep (defer) the call of client 0 until it is flushed; that client may be killed whenever
 * it sleeps. What client 2 gets names a node, which goes back with FORGET. At any time the serving may end; then the next
 * instance serves, or the port dies.
 *
 * Each section under port->lock is one step; so is each look without it. Memory is sequentially consistent here.
 *
 * Found if broken: a client that waits for ever, a slot that is never free again, a reference that the service keeps,
 * a call that is flushed although its caller lives.
 *
 * check: -DWITHOUT_END -- three clients at two slots
 * check: -DWITHOUT_END -DTWO_SLOTS -- three clients at one slot
 * check: -DWITHOUT_0 -DTWO_SLOTS -- the serving ends; references to a node
 * check: -DWITHOUT_2 -DTWO_SLOTS -- the serving ends; callers are killed
 * break: -DWITHOUT_END -DTWO_SLOTS -DLOSE_FIRED -- wait_begin() does not pass on a wake-up that it did not need
 * break: -DWITHOUT_END -DTWO_SLOTS -DNO_REARM -- wait_begin() stays "fired" while it waits again
 * break: -DWITHOUT_END -DSILENT_ABANDON -- call_abandon() does not wake the service
 * break: -DWITHOUT_END -DTWO_SLOTS -DABANDON_REPLIED -- call_abandon() does not look whether the reply has come
 * break: -DWITHOUT_END -DLOOK_BEFORE_LINE -- serve_sleep() does not look once more when it is in the queue
 * break: -DWITHOUT_2 -DTWO_SLOTS -DKEEP_POSTED -- port_vacate() leaves requests that are posted
 * break: -DWITHOUT_END -DTWO_SLOTS -DKEEP_FLUSH -- slot_complete() leaves the bit in flush_pending
 * break: -DWITHOUT_END -DDROP_FLUSH -- serve_flushes() clears the bits of calls that it has not taken yet
 * break: -DWITHOUT_END -DLATE_FORGET -- port_call_end() does not post references when it frees the slot
 * break: -DWITHOUT_2 -DTWO_SLOTS -DKEEP_WAKE -- who serves no more does not pass on the wake-up it got
 * break: -DWITHOUT_END -DFREE_ONE_SILENT -- slot_complete() frees an abandoned slot and tells nobody
 */
#define SLOTS   3 /* with TWO_SLOTS the last one is never free */
#define CLIENTS 3
#define SERVERS 2
#define NONE    9

mtype = { FREE, POSTED, REPLIED, ABANDONED };

/* port->lock */
bool served = true, dead = false;
byte epoch = 1;
mtype state[SLOTS] = FREE;
#ifdef TWO_SLOTS
bool taken[SLOTS] = { false, false, true };
#else
bool taken[SLOTS];        /* not in port->free_slots */
#endif
bool note[SLOTS];
byte caller[SLOTS] = NONE;
byte owner[SLOTS] = NONE; /* whose share it is: slot->job, by client */
byte forgets;             /* port->forgets: nodes of the running epoch */

/* shared with the service; a ring for each epoch */
chan req1 = [SLOTS] of { byte };
chan req2 = [SLOTS] of { byte };
bool flush_pending[SLOTS];

/* wait queues and tokens of thread_park() */
bool in_clients[CLIENTS], client_fired[CLIENTS], client_token[CLIENTS];
bool in_serving[SERVERS], server_fired[SERVERS], server_token[SERVERS];
byte client_done, node_refs; /* ghosts: node_refs counts what the service thinks that the kernel holds, this epoch */
bool owed[SLOTS];            /* ghost: the service has this request and its reply was not taken */
bool quiet;                  /* the one who ends servings has made up its mind */

#define may_take(c) (c == 2 || !(held(0) || held(1)))
#define held(c)     ((taken[0] && !note[0] && owner[0] == c) || (taken[1] && !note[1] && owner[1] == c) || \
                     (taken[2] && !note[2] && owner[2] == c))
#define wakeable(c) (in_clients[c] && !client_fired[c] && may_take(c))

/* waitq_wake_where(&port->clients, may_take). The real order of the queue is one of these. */
inline wake_clients()
{
    if
    :: wakeable(0) -> client_fired[0] = true; client_token[0] = true
    :: wakeable(1) -> client_fired[1] = true; client_token[1] = true
    :: wakeable(2) -> client_fired[2] = true; client_token[2] = true
    :: else
    fi
}

inline wake_all_clients()
{
    for (w : 0 .. CLIENTS - 1) {
        if
        :: in_clients[w] -> client_fired[w] = true; client_token[w] = true
        :: else
        fi
    }
    w = 0
}

/* waitq_wake_one(&port->serving): port_signal(). Also what waitq_take_one() and the hand-over come to, but for that
 * the waiter leaves the queue. */
inline signal_server()
{
    if
    :: in_serving[0] && !server_fired[0] -> server_fired[0] = true; server_token[0] = true
    :: in_serving[1] && !server_fired[1] -> server_fired[1] = true; server_token[1] = true
    :: else
    fi
}

inline slot_free(i)
{
    state[i] = FREE;
    caller[i] = NONE;
    owner[i] = NONE;
    taken[i] = false
}

/* slot_complete(): lock held */
inline slot_complete(i)
{
    if
    :: state[i] == ABANDONED || note[i] ->
#ifndef KEEP_FLUSH
        flush_pending[i] = false;
#endif
        slot_free(i);
#ifndef FREE_ONE_SILENT
        wake_clients()
#endif
    :: else ->
        state[i] = REPLIED;
        client_token[caller[i]] = true
    fi
}

inline ring_put(i)
{
    owed[i] = true;
    if
    :: epoch == 1 -> req1!i
    :: else -> req2!i
    fi
}

/* port_post_forgets(): lock held; told says whether the service is to be woken */
inline post_forgets()
{
    do
    :: forgets > 0 && served && (!taken[0] || !taken[1] || !taken[2]) ->
        if
        :: !taken[0] -> f = 0
        :: taken[0] && !taken[1] -> f = 1
        :: taken[0] && taken[1] -> f = 2
        fi;
        taken[f] = true;
        note[f] = true;
        state[f] = POSTED;
        ring_put(f);
        forgets--;
        told = true
    :: else -> break
    od;
    f = 0
}

proctype Client(byte me)
{
    byte slot = NONE, mine = 0, w, f;
    bool node = false, told = false, failed = false, again = false;

    /* port_call_begin(): try_begin(), and wait_begin() if that says EAGAIN. Client 1 asks about a node of epoch 1. */
try:
    atomic {
        if
        :: dead || (me == 1 && (!served || epoch != 1)) -> failed = true
        :: !dead && served && !(me == 1 && epoch != 1) && may_take(me) && !taken[1] -> slot = 1
        :: !dead && served && !(me == 1 && epoch != 1) && may_take(me) && taken[1] && !taken[2] -> slot = 2
        :: else -> again = true
        fi;
        if
        :: slot != NONE ->
            taken[slot] = true;
            note[slot] = false;
            owner[slot] = me;
            mine = epoch
        :: else
        fi
    }
    if
    :: again && !in_clients[me] ->
        atomic { again = false; in_clients[me] = true; client_fired[me] = false }
        goto try
    :: again && in_clients[me] ->
        again = false;
        atomic { /* thread_park() */
            if
            :: client_token[me] -> client_token[me] = false
            :: !client_token[me] && me == 0 -> failed = true
            fi
        }
        if
        :: failed
        :: else ->
#ifndef NO_REARM
            client_fired[me] = false;
#endif
            goto try
        fi
    :: else
    fi;
    atomic { /* the end of wait_begin() */
        again = in_clients[me] && (failed || client_fired[me]);
        in_clients[me] = false
    }
    if
    :: again ->
        again = false;
#ifndef LOSE_FIRED
        atomic { wake_clients() }
#endif
    :: else
    fi;
    if
    :: failed -> goto done
    :: else
    fi;

    /* port_call_run(): call_post() */
    atomic {
        if
        :: !served || epoch != mine -> failed = true
        :: else ->
            caller[slot] = me;
            state[slot] = POSTED;
            ring_put(slot);
            if /* waitq_take_one(): out of the queue at once, woken by the hand-over below */
            :: in_serving[0] && !server_fired[0] -> in_serving[0] = false; w = 1
            :: in_serving[1] && !server_fired[1] -> in_serving[1] = false; w = 2
            :: else
            fi
        fi
    }
    if
    :: failed -> goto end
    :: else
    fi;
wait:
    if
    :: state[slot] == REPLIED -> goto answered
    :: state[slot] != REPLIED
    fi;
    atomic { /* sched_handoff_and_park(), then thread_park() */
        if
        :: w != 0 -> server_token[w - 1] = true; w = 0
        :: else
        fi
    }
    atomic {
        if
        :: client_token[me] -> client_token[me] = false
        :: !client_token[me] && me == 0 -> failed = true
        fi
    }
    if
    :: failed -> /* call_abandon() */
        failed = false;
        atomic {
            if
#ifdef ABANDON_REPLIED
            :: true ->
#else
            :: state[slot] == POSTED ->
#endif
                state[slot] = ABANDONED;
                caller[slot] = NONE;
                flush_pending[slot] = true;
                slot = NONE
            :: else
            fi
        }
        if
        :: slot == NONE ->
#ifndef SILENT_ABANDON
            atomic { signal_server() }
#endif
            goto done
        :: else -> goto answered
        fi
    :: else -> goto wait
    fi;
answered:
    if
    :: w != 0 -> atomic { server_token[w - 1] = true; w = 0 }
    :: else
    fi;
    if
    :: me == 2 -> /* the reply named a node (slot_drop_results(), or the file is used and closed): port_node_put() */
        atomic {
            if
            :: served && epoch == mine && node_refs > 0 -> forgets++
            :: else
            fi;
#ifndef LATE_FORGET
            post_forgets()
#endif
        }
        if
        :: told -> told = false; atomic { signal_server() }
        :: else
        fi
    :: else
    fi;
end: /* port_call_end() */
    atomic {
        slot_free(slot);
        wake_clients();
        told = forgets > 0
    }
#ifndef LATE_FORGET
    if
    :: told ->
        told = false;
        atomic { post_forgets() }
        if
        :: told -> told = false; atomic { signal_server() }
        :: else
        fi
    :: else
    fi;
#endif
done:
    atomic { slot = NONE; mine = 0; client_done++ }
}

#define ring_empty ((mine == 1 && len(req1) == 0) || (mine == 2 && len(req2) == 0))
#define is_server  (served && epoch == mine)
/* port_pending() */
#define pending    (!is_server || !ring_empty || flush_pending[0] || flush_pending[1] || flush_pending[2])

/* One instance of the service: its user code and its calls of fd_read(port). */
proctype Server(byte mine)
{
    chan rep = [SLOTS] of { byte };
    bool deferred[SLOTS], told = false;
    byte i, f;

deliver: /* port_deliver(): take_replies() */
    do
    :: atomic {
        nempty(rep) ->
        rep?i;
        if
        :: !is_server /* port->deliver is held, so no new epoch has begun in these slots: the serving has ended */
        :: else ->
            assert(state[i] == POSTED || state[i] == ABANDONED); /* else: a violation by an honest service */
            if
            :: caller[i] == 2 && !note[i] -> node_refs++
            :: note[i] -> node_refs--
            :: else
            fi;
            owed[i] = false;
            slot_complete(i)
        fi;
        i = 0 }
    :: empty(rep) -> break
    od;
    atomic { /* port_serve_wait(): flush_forgets() */
        if
        :: is_server -> post_forgets()
        :: else
        fi;
        told = false
    }
    do
    :: pending -> break
    :: else -> /* serve_sleep() */
#ifdef LOOK_BEFORE_LINE
        atomic { in_serving[mine - 1] = true; server_fired[mine - 1] = false }
#else
        atomic { in_serving[mine - 1] = true; server_fired[mine - 1] = false }
        if
        :: pending -> in_serving[mine - 1] = false; break
        :: else
        fi;
#endif
end_park:
        atomic { server_token[mine - 1] -> server_token[mine - 1] = false }
        in_serving[mine - 1] = false
    od;
    if
    :: !is_server ->
#ifndef KEEP_WAKE
        atomic { signal_server() }
#endif
        goto gone
    :: else
    fi;

    /* serve_requests() */
    do
    :: atomic {
        is_server && !ring_empty ->
        if
        :: mine == 1 -> req1?i
        :: mine == 2 -> req2?i
        fi;
        if
        :: owner[i] == 0 && !note[i] && !deferred[i] -> deferred[i] = true
        :: true -> rep!i
        fi;
        i = 0 }
    :: !is_server -> goto deliver
    :: else -> break
    od;
    /* serve_flushes() */
    atomic {
        for (f : 0 .. SLOTS - 1) {
            assert(!is_server || !flush_pending[f] || owed[f]); /* else it would be asked for ever */
            if
            :: is_server && flush_pending[f] && deferred[f] ->
                assert(state[f] == ABANDONED);
                flush_pending[f] = false;
                deferred[f] = false;
                rep!f
#ifdef DROP_FLUSH
            :: is_server && flush_pending[f] && !deferred[f] -> flush_pending[f] = false
#endif
            :: else
            fi
        }
        f = 0
    }
    goto deliver;
gone:
    skip
}

/* port_vacate(), and then the next instance maps the port (port_serve()) or the port is closed. */
proctype Ender()
{
    byte i, w;
    if
    :: true
    :: true ->
        atomic {
            served = false;
            for (i : 0 .. SLOTS - 1) {
                if
#ifndef KEEP_POSTED
                :: state[i] == POSTED || state[i] == ABANDONED -> slot_complete(i)
#endif
                :: else
                fi
            }
            for (i : 0 .. SLOTS - 1) {
                owed[i] = false
            }
            i = 0;
            forgets = 0;
            node_refs = 0
        }
        atomic { /* who looks between the change and this sees the change */
            server_token[0] = server_token[0] || in_serving[0];
            server_fired[0] = true;
            wake_all_clients()
        }
        atomic {
            if
            :: true -> /* port_serve(): the next instance; the header of its new region has no bits set */
                served = true;
                epoch = 2;
                flush_pending[0] = false;
                flush_pending[1] = false;
                flush_pending[2] = false;
                run Server(2)
            :: true -> /* port_file_close() */
                dead = true
            fi;
            wake_all_clients()
        }
    fi;
    quiet = true
}

init {
    atomic {
        run Server(1);
#ifndef WITHOUT_0
        run Client(0);
#else
        client_done++;
#endif
#ifndef WITHOUT_1
        run Client(1);
#else
        client_done++;
#endif
#ifndef WITHOUT_2
        run Client(2);
#else
        client_done++;
#endif
#ifdef WITHOUT_END
        quiet = true
#else
        run Ender()
#endif
    }
    timeout; /* nobody can move any more */
    assert(quiet && client_done == CLIENTS);
    #ifdef TWO_SLOTS
    taken[2] = false;
#endif
    assert(!taken[0] && !taken[1] && !taken[2]);
    assert(forgets == 0);
    assert(!served || node_refs == 0)
}
