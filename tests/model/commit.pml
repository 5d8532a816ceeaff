/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a power cut finds: PAGE_OUT, WROTE, transactions and freed blocks of ext2 with a journal
 * (kernel/fd/port_pager.c: page_out(), tell_wrote(); services/ext2: pages.c, block.c, promise.c, cache.c, commit.c,
 * journal_write.c, journal_recover.c, revoked.c).
 *
 * Two files of one page each and BLOCKS blocks; what a block holds is 0 (nothing of worth), FILE + version of its data,
 * or META for a block of metadata. The device has a volatile cache: a write may reach the medium at any time, in any
 * order with others, and has done so when a flush returns. Metadata (which block a file has) changes in memory, goes to
 * the journal with a commit, and home with a checkpoint. A cut may come after any step: what is then on the medium is
 * replayed and looked at.
 *
 * Found if broken: a file whose committed block holds something that is not its own data; an acknowledged version that
 * is not there (nor a later one); a block of two files; a replay that writes metadata over data.
 *
 * check: -DTRUNCATES -- two files are written, synced and truncated
 * check: -DMETADATA -- a block of metadata is freed and becomes data
 * break: -DTRUNCATES -DEARLY_POINTER -- PAGE_OUT makes the new block reachable before the data is written
 * break: -DTRUNCATES -DREUSE_AT_ONCE -- a freed block is given out before the commit that freed it
 * break: -DTRUNCATES -DNO_DATA_FLUSH -- the commit record goes out without a flush of data and journal before it
 * break: -DTRUNCATES -DNO_END_FLUSH -- sync returns without a flush behind the commit record
 * break: -DTRUNCATES -DEARLY_HOME -- metadata goes home before its transaction is committed
 * break: -DMETADATA -DNO_REVOKE -- the replay does not know of blocks that were freed
 */
#define BLOCKS 3
#define FILES  2
#define NONE   9
#define META   8
#define data(f, v) (1 + (f) * 3 + (v)) /* versions 0 to 2 */

/* what a sync has promised: the least version, 0 for none */
byte acknowledged[FILES];
bool truncated[FILES];     /* then only ownership is looked at */

/* the device: medium and cache */
byte medium[BLOCKS], cached[BLOCKS] = NONE;
/* metadata: which block a file has; in memory, in the last transaction of the journal, home */
byte pointer[FILES] = NONE, home[FILES] = NONE;
byte journal[FILES], journal_cached[FILES];
bool logged, logged_cached;      /* the journal holds a transaction: its commit record */
/* a block of metadata that transactions have written, and the revoke record behind it */
byte meta_logged = NONE;
bool revoked;
/* the allocator: FREE again only after the commit that freed it */
bool used[BLOCKS], freed[BLOCKS];

bool cut, idle = true; /* idle: the service is between two requests */
byte version[FILES], finished;

/* The medium takes a write of the cache over whenever it likes. */
proctype Medium()
{
end:
    do
    :: atomic { !cut && cached[0] != NONE -> medium[0] = cached[0]; cached[0] = NONE }
    :: atomic { !cut && cached[1] != NONE -> medium[1] = cached[1]; cached[1] = NONE }
    :: atomic { !cut && cached[2] != NONE -> medium[2] = cached[2]; cached[2] = NONE }
    :: atomic { !cut && logged_cached -> logged = true; logged_cached = false; journal[0] = journal_cached[0];
                journal[1] = journal_cached[1] }
    od
}

/* device->flush */
inline flush()
{
    d_step {
        for (b : 0 .. BLOCKS - 1) {
            if
            :: cached[b] != NONE -> medium[b] = cached[b]; cached[b] = NONE
            :: else
            fi
        }
        b = 0;
        if
        :: logged_cached -> logged = true; logged_cached = false; journal[0] = journal_cached[0];
           journal[1] = journal_cached[1]
        :: else
        fi
    }
}

/* The checkpoint, before the journal's place is used again. */
inline checkpoint()
{
    atomic {
        if
        :: logged -> home[0] = journal[0]; home[1] = journal[1]; logged = false
        :: else
        fi
    }
}

/* cache_commit() through the journal. A cut may come between any two steps. */
inline commit()
{
#ifdef EARLY_HOME
    atomic { home[0] = pointer[0]; home[1] = pointer[1] }
#endif
#ifndef NO_DATA_FLUSH
    flush();
#endif
    atomic {
        journal_cached[0] = pointer[0];
        journal_cached[1] = pointer[1];
        logged_cached = true
    }
#ifndef NO_END_FLUSH
    flush();
#endif
    d_step { /* cache_on_commit(): what this transaction freed can be used again */
        for (b : 0 .. BLOCKS - 1) {
            if
            :: freed[b] -> used[b] = false; freed[b] = false
            :: else
            fi
        }
        b = 0
    }
}

inline allocate(found)
{
    if
    :: !used[0] -> found = 0; used[0] = true
    :: !used[1] -> found = 1; used[1] = true
    :: !used[2] -> found = 2; used[2] = true
    :: else -> found = NONE
    fi
}

inline release(which)
{
#ifdef REUSE_AT_ONCE
    used[which] = false
#else
    freed[which] = true
#endif
}

/* A client that writes a version and syncs it, then truncates, then writes again. Requests of the two clients come to
 * the service one at a time (idle); the device's writes lie between them. */
proctype Client(byte f)
{
    byte place = NONE, b, turn;

    do
    :: turn < 2 ->
        turn++;
        version[f] = turn;
        atomic { /* PAGE_OUT: in place, or a new block that nobody can reach yet */
            idle && !cut -> idle = false;
            if
            :: pointer[f] != NONE -> place = pointer[f]
            :: else ->
                allocate(place);
#ifdef EARLY_POINTER
                pointer[f] = place
#endif
            fi;
            idle = true
        }
        if
        :: place == NONE -> break /* no space */
        :: else
        fi;
        atomic { !cut -> cached[place] = data(f, turn) } /* file_transfer() */
        atomic { idle && !cut -> pointer[f] = place } /* WROTE */
        atomic { idle && !cut -> idle = false } /* SYNC */
        checkpoint();
        commit();
        atomic {
            idle = true;
            if
            :: !cut -> acknowledged[f] = turn
            :: else
            fi
        }
#ifdef TRUNCATES
        if
        :: true
        :: true -> /* SETATTR */
            atomic {
                idle && !cut ->
                truncated[f] = true;
                release(pointer[f]);
                pointer[f] = NONE
            }
        fi
#endif
    :: else -> break
    od;
    finished++
}

/* A directory's block: metadata goes through the journal, is freed, and the block becomes the data of file 1. */
proctype Directory()
{
    byte b, place;
    atomic { allocate(place) }
    commit();
    meta_logged = place; /* it stands in the journal, which is not written home in all that follows */
    atomic { release(place); revoked = true } /* buffer_forget(): the revoke record goes with the next commit */
    commit();
    atomic { allocate(place) }
    cached[place] = data(1, 1);
    pointer[1] = place;
    commit();
    acknowledged[1] = 1;
    finished++
}

/* The lights go out; recovery, and what it finds. */
proctype Cut()
{
    byte f, owner[BLOCKS];
    atomic {
        cut = true;
        /* journal_recover() */
        if
        :: logged -> home[0] = journal[0]; home[1] = journal[1]
        :: else
        fi;
        if
#ifdef NO_REVOKE
        :: meta_logged != NONE -> medium[meta_logged] = META
#else
        :: meta_logged != NONE && !revoked -> medium[meta_logged] = META
#endif
        :: else
        fi;
        for (f : 0 .. FILES - 1) {
            if
            :: home[f] != NONE ->
                assert(owner[home[f]] == 0);
                owner[home[f]] = 1;
                assert(medium[home[f]] >= data(f, 1) && medium[home[f]] <= data(f, 2));
                assert(truncated[f] || medium[home[f]] >= data(f, acknowledged[f]))
            :: else -> assert(truncated[f] || acknowledged[f] == 0)
            fi
        }
    }
}

init {
    atomic {
        run Medium();
#ifdef METADATA
        run Directory();
#else
        run Client(0);
        run Client(1);
#endif
        run Cut()
    }
}
