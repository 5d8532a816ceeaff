/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of a memory object with a pager: kernel/mm/memobj_{fill,extent,flush,evict,size,pool}.c, vmspace_fault.c and
 * vmspace_object.c (one shared mapping), kernel/fd/port_pager.c, and a service that serves them (ext2's pages.c).
 *
 * PAGES pages; values are numbers of stores, 0 is zeros. `cur` is what a read must show, `disk` what the service's place
 * holds, `safe` what survives a cut. Each section under object->lock is one step, and so are a store of a program, a
 * copy, what the service does for a request, and the device's work on one page. A page that leaves the tree gets
 * another `life`: who still holds the frame of an earlier life has a private copy of the past. HOLE is CLEAN and not
 * `backed`. PAGE_OUT takes one page.
 *
 * Found if broken: somebody waits for ever; a read or a mapped page shows something else than the last store; a sync
 * that returned 0 without the value on the disk; a page clean or gone whose value is nowhere else; a PAGE_OUT that finds
 * neither block nor promise, or is about a page behind the size; a truncate at the service while a request or the
 * device is busy with the range; a write of an instance that is over when the next one begins.
 *
 * check: -DREADER -DSYNCER -DMAPPER -DEVICTOR -- fault, store, sync, eviction
 * check: -DREADER -DMAPPER -DTRUNCATOR -DEVICTOR -DONE -DKILLS -- truncate and growth, stores, eviction, kills
 * check: -DWRITER -DSYNCER -DTRUNCATOR -DKILLS -DONE -- truncate against write and sync, callers killed
 * check: -DMAPPER -DSYNCER -DTRUNCATOR -- truncate against reservations and write-back
 * check: -DREADER -DMAPPER -DSYNCER -DDEATH -DONE -- the pager ends
 * check: -DWRITER -DSYNCER -DFLUSHER -DKILLS -DERRORS -DONE -- two flushers, errors of the device, callers killed
 * check: -DWRITER -DMAPPER -DSYNCER -DEVICTOR -DONE -- write against a store, sync and eviction
 * check: -DWRITER -DSYNCER -DFLUSHER -DONE -DKILLS -- write within the file against write-out
 * break: -DMAPPER -DSYNCER -DONE -DSTAY_WRITABLE -- run_write() leaves the page writable in mappings
 * break: -DWRITER -DSYNCER -DFLUSHER -DONE -DDIRTY_ONCE -- memobj_page_written() does nothing
 * break: -DMAPPER -DSYNCER -DFLUSHER -DONE -DNO_CLEANING -- a write-out begins while another one runs
 * break: -DWRITER -DSYNCER -DFLUSHER -DKILLS -DONE -DIGNORE_WRITING -- a write-out begins during I/O of a killed one
 * break: -DMAPPER -DSYNCER -DNO_WROTE -DONE -- sync before the new places are told (WROTE)
 * break: -DWRITER -DSYNCER -DONE -DSYNC_SKIPS_GROWING -- write-out passes over the page that somebody appends to
 * break: -DREADER -DMAPPER -DEVICTOR -DONE -DEVICT_BLIND -- eviction does not look at references
 * break: -DMAPPER -DSYNCER -DTRUNCATOR -DONE -DEARLY_RESUME -- requests begin before the pages are cut
 * break: -DREADER -DTRUNCATOR -DONE -DNO_QUIESCE -- truncate does not wait for requests and I/O
 * break: -DREADER -DMAPPER -DTRUNCATOR -DONE -DUNLOCKED_SIZE -- a fault looks at the size before it has the lock
 * break: -DMAPPER -DSYNCER -DTRUNCATOR -DONE -DSTALE_GRANT -- a promise survives truncate
 * break: -DMAPPER -DSYNCER -DDEATH -DONE -DSOON_NEXT -- the next instance begins during writes
 * break: -DMAPPER -DSYNCER -DERRORS -DONE -DERROR_CLEAN -- a page that could not be written becomes clean
 * break: -DREADER -DMAPPER -DONE -DSILENT_FILL -- fill_end() wakes nobody
 * break: -DMAPPER -DSYNCER -DONE -DNO_RESERVE -- a hole becomes dirty without RESERVE
 */
#ifdef ONE
#define PAGES 1
#else
#define PAGES 2
#endif
#define LAST  (PAGES - 1) /* the page that truncate takes and gives back, and that is written to */
#define TASKS 6

mtype = { ABSENT, FILLING, CLEAN, DIRTY, WRITING };
mtype = { NONE, FILL, WAIT, QUIET, HOLE, RESERVE };        /* enum page_step */
mtype = { BUSY, FINE, FAIL, BEYOND };
mtype = { UNMAPPED, READABLE, WRITABLE };

/* object->lock */
byte size = PAGES;
bool revoked, quiet, cleaning, growing;
byte reading, writing;   /* requests and transfers */
mtype state[PAGES] = ABSENT;
bool known[PAGES] = true; /* index < paging->backed */
bool backed[PAGES];      /* the page came from a place: not a HOLE */
bool reserved[PAGES];    /* in [reserved_start, reserved_end) */
byte holders[PAGES];     /* references of the frame besides those of the tree and the mapping */
byte life[PAGES], cut[PAGES], told[PAGES]; /* told: odd from the service's part of a truncation to the kernel's */
byte mem[PAGES];         /* the frame's content */
mtype entry[PAGES] = UNMAPPED;
bool write_mutex;
bool waiting[TASKS], token[TASKS];

/* the service and its device */
bool served = true, next_instance, spoilt;
bool block[PAGES], fresh[PAGES], promised[PAGES];
byte disk[PAGES], fresh_data[PAGES], safe[PAGES], device[PAGES]; /* device: operations that it is doing */

/* ghosts */
byte store, cur[PAGES], said[PAGES]; /* said: the last store whose call has returned */
byte done;

#define may_dirty(p) (state[p] == DIRTY || state[p] == WRITING || (state[p] == CLEAN && (backed[p] || reserved[p])))
#define dirty        (state[0] == DIRTY || state[0] == WRITING || state[LAST] == DIRTY || state[LAST] == WRITING)

inline wake_all() /* waitq_wake_all(&object->page_waiters) */
{
    for (t : 0 .. TASKS - 1) {
        token[t] = token[t] || waiting[t]
    }
    t = 0
}

/* wait_while(): looks under the lock, then thread_park(). GONE: killed */
inline wait_while(condition, killable)
{
    waiting[me] = true;
    do
    :: atomic { !(condition) -> break }
    :: condition ->
        atomic {
            if
            :: token[me] -> token[me] = false
#ifdef KILLS
            :: !token[me] && killable -> gone = true
#endif
            fi
        }
        if
        :: gone -> break
        :: else
        fi
    od;
    atomic { waiting[me] = false; token[me] = false }
}

/* Somebody who asked for a fill was killed: the device ends it, and transfer_destroy() counts. */
proctype OrphanRead(byte p)
{
    byte t;
    atomic { device[p]--; reading--; wake_all() }
}

/* fill_pages() behind fill_begin(): this thread has made the page FILLING */
inline fill(p, killable)
{
    bad = false;
    atomic { /* PAGE_IN */
        place = false;
        if
        :: !served -> bad = true
        :: served && block[p] -> place = true; device[p]++
        :: served && !block[p] -> mem[p] = (life[p] == mine -> 0 : mem[p])
        fi
    }
    if
    :: place ->
        if
#ifdef KILLS
        :: killable -> atomic { bad = true; reading++; run OrphanRead(p) }
#endif
        :: true ->
            atomic {
                if
                :: life[p] == mine -> mem[p] = disk[p]
                :: else
                fi;
                device[p]--
            }
        fi
    :: else
    fi;
    atomic { /* fill_end() */
        reading--;
        if
        :: life[p] == mine && !bad -> state[p] = CLEAN; backed[p] = place
        :: life[p] == mine && bad -> state[p] = ABSENT; life[p]++
        :: else
        fi;
#ifndef SILENT_FILL
        wake_all()
#endif
    }
}

/* memobj_page(), paging_page(): comes back with a reference (FINE), or FAIL, or BEYOND the size */
inline page_any(p, wr, killable)
{
    result = BUSY;
#ifdef UNLOCKED_SIZE
    if
    :: p >= size -> result = BEYOND
    :: else
    fi;
#endif
    do
    :: result != BUSY -> break
    :: else ->
        atomic { /* look(); what is to be inserted is inserted under the same hold, after another look */
            step = NONE;
            if
            :: revoked -> result = FAIL
#ifndef UNLOCKED_SIZE
            :: !revoked && p >= size -> result = BEYOND
            :: !revoked && p < size && state[p] == ABSENT && known[p] ->
#else
            :: !revoked && state[p] == ABSENT && known[p] ->
#endif
                if
                :: quiet -> step = QUIET
                :: !quiet ->
                    state[p] = FILLING;
                    mine = life[p];
                    reading++;
                    step = FILL
                fi
#ifndef UNLOCKED_SIZE
            :: !revoked && p < size && state[p] == ABSENT && !known[p] ->
#else
            :: !revoked && state[p] == ABSENT && !known[p] ->
#endif
                if
                :: wr && !reserved[p] -> step = RESERVE
                :: else -> state[p] = CLEAN; backed[p] = false; mem[p] = 0 /* add_hole() */
                fi
            :: !revoked && state[p] == FILLING -> step = WAIT
            :: !revoked && state[p] != ABSENT && state[p] != FILLING && wr && !may_dirty(p) -> step = RESERVE
            :: else ->
                if
                :: wr -> state[p] = DIRTY /* paging_set_dirty() */
                :: else
                fi;
                holders[p]++;
                mine = life[p];
                seen = cut[p];
                result = FINE
            fi;
            if
            :: step == RESERVE && quiet -> step = QUIET /* reserve_begin() */
            :: step == RESERVE && !quiet -> reading++
            :: else
            fi
        }
        if
        :: step == FILL -> fill(p, killable); if :: bad -> result = FAIL :: else fi
        :: step == WAIT -> wait_while(state[p] == FILLING, killable)
        :: step == QUIET -> wait_while(quiet && !revoked, killable)
        :: step == RESERVE ->
            atomic {
                bad = !served;
#ifndef NO_RESERVE
                promised[p] = promised[p] || served
#endif
            }
            atomic { /* reserve_end() */
                reading--;
                if
                :: bad -> result = FAIL
                :: else -> reserved[p] = true
                fi;
                wake_all()
            }
        :: else
        fi;
        if
        :: gone -> gone = false; result = FAIL
        :: else
        fi
    od;
    step = NONE; place = false; bad = false
}

/* frame_put(): of a frame of another life nobody counts */
inline page_put(p)
{
    atomic {
        if
        :: life[p] == mine -> holders[p]--
        :: else
        fi
    }
}

inline forget() /* locals that mean nothing any more */
{
    result = BUSY; mine = 0; seen = 0
}

/* memobj_read() of one page */
proctype Reader(byte me; byte p)
{
    mtype result, step;
    byte mine, seen, t;
    bool bad, place, gone;

    page_any(p, false, true);
    if
    :: result == FINE ->
        atomic { assert(revoked || seen != cut[p] || life[p] != mine || mem[p] == cur[p]) }
        page_put(p)
    :: else
    fi;
    atomic { forget(); done++ }
}

/* memobj_write() of some bytes in the last page, which may make the file longer: write_piece(), write_page() */
proctype Writer(byte me; byte p)
{
    mtype result, step;
    byte mine, seen, t, written;
    bool bad, place, gone;

    atomic { !write_mutex -> write_mutex = true }
#ifdef SYNC_SKIPS_GROWING
    growing = true;
#endif
    page_any(p, true, true);
    if
    :: result == FINE ->
        atomic { /* the copy: nothing but revocation takes the page away under the write mutex */
            assert(revoked || life[p] == mine);
            if
            :: life[p] == mine -> store++; mem[p] = store; cur[p] = store; written = store
            :: else
            fi
        }
#ifndef DIRTY_ONCE
        atomic { /* memobj_page_written() */
            if
            :: life[p] == mine -> state[p] = DIRTY
            :: else
            fi
        }
#endif
        atomic { said[p] = (written > said[p] -> written : said[p]); written = 0 }
        page_put(p)
    :: else
    fi;
    atomic { growing = false; wake_all() }
    atomic { forget(); write_mutex = false; done++ }
}

/* A thread that stores through the mapping: vmspace_fault() until the store goes through. */
proctype Mapper(byte me; byte p)
{
    mtype result, step;
    byte mine, seen, t;
    bool bad, place, gone;

    do
    :: atomic {
        entry[p] == WRITABLE ->
        store++;
        mem[p] = store;
        if
        :: p < size && !revoked -> cur[p] = store; said[p] = store
        :: else /* on its way out */
        fi;
        break }
    :: entry[p] != WRITABLE ->
        atomic { /* fault_object(), memobj_map_locked() */
            if
            :: revoked || p >= size -> result = FAIL
            :: !revoked && p < size && may_dirty(p) -> state[p] = DIRTY; entry[p] = WRITABLE; result = FINE
            :: else -> result = BUSY
            fi
        }
        if
        :: result == FAIL -> break
        :: result == FINE
        :: result == BUSY ->
            page_any(p, true, true);
            if
            :: result == FINE -> page_put(p)
            :: else -> break
            fi
        fi
    od;
    atomic { /* and looks at it again */
        assert(entry[p] == UNMAPPED || p >= size || revoked || mem[p] == cur[p]);
        forget();
        done++
    }
}

/* The device ends a write from the frame; it may have read it at any time since the request. */
inline device_write(p)
{
    assert(!next_instance);
    if
    :: life[p] == mine && out != mem[p] -> out = mem[p]
    :: true
    fi;
    if
#ifdef ERRORS
    :: !spoilt -> spoilt = true; bad = true
#endif
    :: fresh[p] -> fresh_data[p] = out
    :: !fresh[p] && block[p] -> disk[p] = out
    :: !fresh[p] && !block[p]
    fi;
    device[p]--
}

/* A flusher was killed while the device was at work: transfer_destroy() comes when it is done. */
proctype OrphanWrite(byte p; byte mine; byte out)
{
    bool bad;
    byte t;
    atomic { device_write(p); writing--; wake_all() }
}

/* clean_run(), run_write() for page P */
inline clean_page(p, killable)
{
    atomic { /* run_collect() */
        if
        :: state[p] == DIRTY && !revoked && !(growing && p == LAST) && p < size ->
            state[p] = WRITING; mine = life[p]; step = FILL; rsize = size
        :: else
        fi
    }
    if
    :: step == FILL ->
        bad = false;
#ifndef STAY_WRITABLE
        atomic { /* vmspace_protect_object(): the shootdown is acknowledged */
            if
            :: life[p] == mine && entry[p] == WRITABLE -> entry[p] = READABLE
            :: else
            fi
        }
#endif
        atomic { /* PAGE_OUT */
            out = mem[p];
            if
            :: !served || revoked -> bad = true
            :: else ->
                assert(p < rsize);
                assert(block[p] || promised[p] || fresh[p]); /* else it would be ENOSPC */
                fresh[p] = !block[p];
                writing++;
                device[p]++
            fi
        }
        if
        :: bad
#ifdef KILLS
        :: !bad && killable -> atomic { gone = true; bad = true; run OrphanWrite(p, mine, out) }
#endif
        :: !bad -> atomic { device_write(p); writing--; wake_all() }
        fi;
        if
        :: !gone ->
            atomic { /* WROTE */
                if
                :: !bad && !served -> bad = true
#ifndef NO_WROTE
                :: !bad && served && fresh[p] ->
                    fresh[p] = false; block[p] = true; promised[p] = false; disk[p] = fresh_data[p]
#endif
                :: else
                fi
            }
        :: else
        fi;
        atomic { /* run_end() */
            if
            :: life[p] == mine && !bad -> known[p] = true
            :: else
            fi;
            if
            :: life[p] == mine && state[p] == WRITING && bad ->
#ifdef ERROR_CLEAN
                state[p] = CLEAN
#else
                state[p] = DIRTY
#endif
            :: life[p] == mine && state[p] == WRITING && !bad -> state[p] = CLEAN; backed[p] = true
            :: else
            fi;
            failed = failed || bad
        }
    :: else
    fi;
    step = NONE; bad = false; mine = 0; out = 0; gone = false; rsize = 0
}

#ifdef NO_CLEANING
#define may_clean (!quiet && writing == 0)
#else
#ifdef IGNORE_WRITING
#define may_clean (!cleaning && !quiet)
#else
#define may_clean (!cleaning && !quiet && writing == 0)
#endif
#endif

/* paging_clean(): clean_begin(), the pages, clean_end() */
inline paging_clean(killable)
{
    if
    :: atomic { !dirty -> failed = revoked }
    :: dirty ->
        wait_while(!may_clean && !revoked && !taken, killable);
        if
        :: gone -> gone = false; failed = true
        :: else ->
            atomic { /* clean_try() looks and takes under one hold */
                if
                :: revoked -> failed = true
                :: !revoked && may_clean -> cleaning = true; taken = true
                :: else -> again = true
                fi
            }
            if
            :: taken ->
                clean_page(0, killable);
#ifndef ONE
                if
                :: !failed -> clean_page(1, killable)
                :: else
                fi;
#endif
                taken = false;
                atomic { cleaning = false; wake_all() }
            :: else
            fi
        fi
    fi
}

/* memfile_sync(): sync_range(): memobj_flush(), then SYNC */
proctype Syncer(byte me)
{
    mtype step = NONE;
    byte mine, out, t, rsize, was[PAGES], cuts[PAGES];
    bool bad, gone, failed, taken, again;

    d_step {
        for (t : 0 .. LAST) {
            was[t] = said[t];
            cuts[t] = told[t]
        }
        t = 0
    }
    again = true;
    do
    :: again && !failed ->
        again = false;
        paging_clean(true)
    :: else -> break
    od;
    atomic { /* SYNC */
        if
        :: failed || !served || revoked
        :: else ->
            for (t : 0 .. LAST) {
                safe[t] = (block[t] -> disk[t] : 0);
                assert(cuts[t] != told[t] || cuts[t] % 2 == 1 || safe[t] >= was[t])
            }
            t = 0
        fi
    }
    d_step {
        for (t : 0 .. LAST) {
            was[t] = 0;
            cuts[t] = 0
        }
        t = 0;
        failed = false;
        again = false;
       
        done++
    }
}

/* paging_flusher(): one turn; it is not killed */
proctype Flusher(byte me)
{
    mtype step = NONE;
    byte mine, out, t, rsize;
    bool bad, gone, failed, taken, again;

    again = true;
    do
    :: again && !failed -> again = false; paging_clean(false)
    :: else -> break
    od;
    atomic { failed = false; again = false; done++ }
}

/* memobj_resize(), resize_locked(): one page less, and then one more */
proctype Truncator(byte me)
{
    byte t;
    bool gone, bad;

    atomic { !write_mutex -> write_mutex = true }
    if
    :: revoked -> goto end
    :: else
    fi;
#ifndef NO_QUIESCE
    quiet = true; /* quiesce() */
    wait_while(reading != 0 || writing != 0 || cleaning, false);
#endif
    atomic { /* SETATTR */
        if
        :: served ->
            assert(device[LAST] == 0);
            block[LAST] = false; fresh[LAST] = false; promised[LAST] = false; disk[LAST] = 0; told[LAST]++
        :: else -> bad = true /* refused: all is as it was */
        fi
    }
#ifdef EARLY_RESUME
    atomic { quiet = false; wake_all() }
#endif
    if
    :: !bad ->
        atomic { size = LAST; cur[LAST] = 0; said[LAST] = 0; cut[LAST]++; told[LAST]++ }
        atomic { /* paging_resized() */
            known[LAST] = false;
#ifndef STALE_GRANT
            reserved[LAST] = false
#endif
        }
        atomic { entry[LAST] = UNMAPPED } /* cut_pages(): vmspace_unmap_object() */
        atomic { /* drop_pages() */
            if
            :: state[LAST] != ABSENT -> state[LAST] = ABSENT; life[LAST]++; backed[LAST] = false; holders[LAST] = 0
            :: else
            fi;
            wake_all()
        }
    :: else
    fi;
    atomic { quiet = false; wake_all() } /* paging_resume() */
    write_mutex = false;
    atomic { !write_mutex -> write_mutex = true }
    atomic { size = PAGES }
end:
    atomic { write_mutex = false; done++ }
}

/* evict(), visit_pages(): one page, which is unmapped in a first round */
proctype Evictor(byte me; byte p)
{
    atomic {
        if
        :: state[p] == CLEAN && entry[p] != UNMAPPED -> entry[p] = UNMAPPED
        :: else
        fi
    }
    atomic {
        if
#ifdef EVICT_BLIND
        :: state[p] == CLEAN ->
#else
        :: state[p] == CLEAN && holders[p] == 0 && entry[p] == UNMAPPED ->
#endif
            state[p] = ABSENT; life[p]++; backed[p] = false
        :: else
        fi
    }
    done++
}

/* port_vacate(), memobj_revoke(); port_serve() of the next instance waits for paging_pool_settle() */
proctype Death(byte me)
{
    byte t, p;

    served = false;
    atomic { revoked = true }
    atomic {
        for (p : 0 .. LAST) {
            entry[p] = UNMAPPED
        }
        p = 0
    }
    atomic { /* drop_pages() */
        for (p : 0 .. LAST) {
            if
            :: state[p] != ABSENT -> state[p] = ABSENT; life[p]++; holders[p] = 0
            :: else
            fi
        }
        p = 0;
        wake_all()
    }
#ifndef SOON_NEXT
    writing == 0;
#endif
    next_instance = true;
    done++
}

init {
    byte tasks;
    atomic {
        store = 1;
        if /* page LAST is a hole, or on the disk, or was written to and is only in memory yet */
        :: true
        :: true -> block[LAST] = true; disk[LAST] = 1; safe[LAST] = 1; cur[LAST] = 1; said[LAST] = 1
        :: true -> state[LAST] = DIRTY; mem[LAST] = 1; cur[LAST] = 1; said[LAST] = 1;
           promised[LAST] = true; reserved[LAST] = true
        fi;
#ifdef READER
        run Reader(0, LAST); tasks++;
#endif
#ifdef WRITER
        run Writer(1, LAST); tasks++;
#endif
#ifdef MAPPER
        run Mapper(5, LAST); tasks++;
#endif
#ifdef SYNCER
        run Syncer(2); tasks++;
#endif
#ifdef FLUSHER
        run Flusher(3); tasks++;
#endif
#ifdef TRUNCATOR
        run Truncator(4); tasks++;
#endif
#ifdef EVICTOR
        run Evictor(4, LAST); tasks++;
#endif
#ifdef DEATH
        run Death(4); tasks++
#endif
    }
    timeout;
    assert(done == tasks);
    assert(reading == 0 && writing == 0 && device[0] == 0 && device[LAST] == 0 && !cleaning && !quiet);
    assert(!write_mutex && state[LAST] != FILLING && state[LAST] != WRITING && holders[LAST] == 0);
    /* whatever is not on the disk is dirty in memory */
    assert(revoked || state[LAST] == DIRTY || cur[LAST] == (block[LAST] -> disk[LAST] : 0));
    assert(revoked || state[LAST] == ABSENT || mem[LAST] == cur[LAST])
}
