/*
 * How a changed definition reaches the instances of a service: slots, the swap of a container, acknowledgement, failure
 * and revert, and a change that supersedes another, for every order of events. README.rst beside this file says what is
 * modelled, what is not, and how to read an error; tools/check_model.py runs it.
 *
 * Owns: the protocol of the sections on rollouts in docs/design/reconcile.rst and its laws. Refuses to know: what
 * claims.pml has (moves, OnPartition, certainty of leases), images, ports, placement and time.
 *
 * Note [A view is a former etcd]
 *     A node's view is all keys as they were at some moment, and its own writes since. It may be brought up to date at
 *     any time or never, so every delay of a watch is tried, and every set of versions that it may have skipped.
 *     Trouble is delay, as in claims.pml: a paused agent, or one that is cut off, is one whose steps are taken late.
 *
 * Note [Marks for mod revisions]
 *     To compare a mod revision is to ask whether the key was written since. A node's copy of a key carries that as the
 *     mark STILL, and a request on its way as MATCHES: a write to the key takes them away. A create revision compared
 *     under a certain lease says less, so where the code compares both only the mark is kept.
 *
 * Note [Truth and knowledge]
 *     A container has one state for both. BLANK is healthy while its agent, which has begun anew, does not know it.
 *     Only what has been healthy for MinHealthy seconds is PROVEN. A definition that is bad never makes that: its
 *     containers may look healthy for a while, and fail at any time.
 *
 * Note [Harmed]
 *     What no protocol can prevent does not count against it: an instance whose healthy container died by itself, or in
 *     a power cut, counts as healthy from then on. So do not search deaths alone.
 *
 * Note [Unknown fate]
 *     As in claims.pml, a write about a claim whose answer is lost is followed by a read of the claim, and until then
 *     no copy of that instance is stopped, nor its claim written. One about a slot or the definition is not read: its
 *     sender goes on, may send it again, and the first may arrive after that.
 */

#ifndef PARALLELISM
#define PARALLELISM 1
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
#ifndef CHANGES
#define CHANGES 1 /* definitions that a person stores: 2 at once, and then 3, or 1 again, at any time */
#endif
#ifndef BAD
#define BAD 0 /* the definition of which nothing works */
#endif
#ifdef STOP_FIRST
#define STOPS_FIRST true
#else
#define STOPS_FIRST false
#endif

byte faults_left = FAULTS;
byte changes_left = CHANGES - 1;
#define fault (faults_left > 0)
#define happens faults_left--

/* The keys of etcd. Nodes count from 1, instances from 0, definitions from 1; 0 is nobody, none, or no key. */
#define DEFINITION 2
#define RECORD 3
#define SLOT 4
#define KEYS (SLOT + PARALLELISM)

/* A claim: owner, definition of the container that it leads to, and whether that is healthy. */
#define OWNER 3
#define WELL 16
#define owner(v) ((v) & OWNER)
#define leads(v) (((v) >> 2) & 3)
#define claim(i, g, well) ((i) | ((g) << 2) | ((well) -> WELL : 0))
#define leads_to(v, i, g) (owner(v) == (i) && leads(v) == (g) && ((v) & WELL))

/* A slot: holder, instance, definition. */
#define instance(v) (((v) >> 4) & 1)
#define slot(i, k, g) ((i) | ((g) << 2) | ((k) << 4))

/* The record of a rollout that did not end well. */
#define REVERTED 1
#define FAILED 2
#define state(v) ((v) & 3)
#define to(v) (((v) >> 2) & 3)
#define before(v) (((v) >> 4) & 3)
#define record(s, t, b) ((s) | ((t) << 2) | ((b) << 4))

#define STILL 64 /* in a view: nobody has written the key since */
#define value(v) ((v) & 63)

/* A request on its way: what it does to which key; MATCHES: what it compares is still so. */
#define TAKE 1 /* a claim, or a slot: compares that there is no key */
#define TELL 2 /* a claim, or a slot, anew: compares its last write */
#define FREE 3
#define REVERT 4
#define GIVE_UP 5
#define KIND 7
#define MATCHES 64
#define kind(r) ((r) & KIND)
#define key_of(r) (((r) >> 3) & 7)

/* A container. */
#define NONE 0
#define UP 1  /* no verdict yet, and not healthy */
#define ILL 2 /* known to be unhealthy */
#define BLANK 3
#define FIT 4
#define PROVEN 5

byte etcd[KEYS];
byte seen[2 * KEYS];
byte box[12];
byte request[2];
byte content[2]; /* of that request */
byte unsure[2];  /* the instance, plus 1, whose claim is to be read */
byte failed[2];  /* instances, as bits, whose new container is known here not to work */
byte lost_[4];   /* what the claims said that ended with this node's lease, as long as nobody has taken them */
bit lease[2];
bit slow[2];   /* it has not told for so long how far it is that nobody waits for it */
bit harmed[2];
byte reverts;  /* for the laws: since a person's change */

hidden byte n, g, h, v, d, w, named, serving, wish, found, other, s;

#define view(i, key) seen[((i) - 1) * KEYS + (key)]
#define lost(i, k) lost_[((i) - 1) * 2 + (k)]
#define copy(i, k, g) box[(((i) - 1) * 2 + (k)) * 3 + (g) - 1]
#define peer(i) (3 - (i))

/* ---- etcd ---------------------------------------------------------------------------------------------------- */

inline write(key, content_) {
    etcd[key] = content_;
    for (n : 1 .. 2) {
        view(n, key) = value(view(n, key));
        if
        :: request[n - 1] && (key_of(request[n - 1]) == key ||
            (key == DEFINITION && kind(request[n - 1]) >= REVERT)) ->
            request[n - 1] = request[n - 1] & (255 - MATCHES)
        :: else
        fi
    }
}

inline note(i, key) {
    view(i, key) = etcd[key] | STILL;
    if
    :: key < 2 && owner(etcd[key]) -> lost(i, key) = 0
    :: else
    fi
}

#ifdef TAKES_TAKEN_SLOT
#define may_take(key) (etcd[key] == 0 || key >= SLOT)
#else
#define may_take(key) (etcd[key] == 0)
#endif
#ifdef NO_SLOT_COMPARED
#define unchanged(r) (((r) & MATCHES) || (key_of(r) >= SLOT && etcd[key_of(r)]))
#else
#define unchanged(r) ((r) & MATCHES)
#endif
#ifdef NO_DEFINITION_COMPARED
#define compared(r) true
#else
#define compared(r) ((r) & MATCHES)
#endif

/* One transaction; found says whether its conditions held. */
inline commit(i) {
    v = request[i - 1];
    w = content[i - 1];
    s = key_of(v);
    found = 0;
    if
    :: kind(v) == TAKE && (v & MATCHES) && may_take(s) -> found = 1; write(s, w)
    :: kind(v) == TELL && unchanged(v) ->
        assert(owner(etcd[s]) == i); /* law: a write never changes another's claim or slot */
        assert(s < SLOT || instance(etcd[s]) == instance(w));
        /* law: while what serves is well, the claim turns only to what is proven */
        assert(s >= SLOT || harmed[s] || !(w & WELL) || !(etcd[s] & WELL) || leads(w) == leads(etcd[s]) ||
            copy(i, s, leads(etcd[s])) < BLANK || copy(i, s, leads(w)) == PROVEN);
        found = 1;
        write(s, w)
    :: kind(v) == FREE && unchanged(v) ->
        assert((v & MATCHES) && owner(etcd[s]) == i); /* law: a slot is freed only as the one that was meant */
        found = 1;
        write(s, 0)
    :: kind(v) == REVERT && compared(v) ->
        assert(v & MATCHES); /* law: a person's change, or another revert, is not undone */
        reverts++;
        assert(reverts == 1); /* law: never two reverts */
        found = 1;
        write(DEFINITION, w & 3);
        write(RECORD, record(REVERTED, w >> 2, w & 3))
    :: kind(v) == GIVE_UP && compared(v) ->
        found = 1;
        write(RECORD, w)
    :: else
    fi;
    printf("node %d: request %d of key %d, %d: done %d\n", i, kind(v), s, w, found)
}

inline ask(i, what, key, content_) {
    request[i - 1] = what | (key << 3) | ((what == TAKE || (view(i, key) & STILL)) -> MATCHES : 0);
    if
    :: what >= REVERT && !(view(i, DEFINITION) & STILL) -> request[i - 1] = request[i - 1] & (255 - MATCHES)
    :: else
    fi;
    content[i - 1] = content_
}

/* What became of it is known: own writes are taken over at once, before the watch tells them. */
inline be_answered(i) {
    commit(i);
    if
    :: found ->
        if
        :: kind(v) == REVERT -> note(i, DEFINITION); failed[i - 1] = 0
        :: else
        fi;
        note(i, s)
    :: else
    fi;
    request[i - 1] = 0;
    content[i - 1] = 0
}

/* Nobody is told what became of it: claims are asked for, and other keys are not. */
inline be_lost(i) {
    if
    :: key_of(request[i - 1]) < 2 -> unsure[i - 1] = key_of(request[i - 1]) + 1
    :: else
    fi;
    request[i - 1] = 0;
    content[i - 1] = 0
}

inline catch_up(i) {
    slow[i - 1] = 0;
    if
    :: value(view(i, DEFINITION)) != etcd[DEFINITION] -> failed[i - 1] = 0 /* failures of another one do not count */
    :: else
    fi;
    for (s : 0 .. KEYS - 1) {
        note(i, s)
    }
    s = 0
}

/* ---- what a node decides, from what it sees --------------------------------------------------------------------- */

#define is_sure(i) (lease[i - 1])
#ifdef STOPS_UNANSWERED
#define has_answer(i, k) true
#else
#define has_answer(i, k) \
    (unsure[i - 1] != k + 1 && !(request[i - 1] && key_of(request[i - 1]) == k))
#endif
#define lane_is_free(i, k) (unsure[i - 1] != k + 1 && !(request[i - 1] && key_of(request[i - 1]) == k))
#define is_own(i, k) (owner(view(i, k)) == i)
#define is_another(i, k) (owner(view(i, k)) == peer(i))
#define wanted(i) value(view(i, DEFINITION))

#define is_slot_of(v, i, k) (owner(v) == i && instance(v) == k)
#define is_slot_for(v, i, k, g) (value(v) == slot(i, k, g))
#if PARALLELISM == 1
#define holds(i, k) is_slot_of(view(i, SLOT), i, k)
#define holds_now(i, k, g) is_slot_for(view(i, SLOT), i, k, g)
#define has_slot_in_etcd(i, k) is_slot_of(etcd[SLOT], i, k)
#else
#define holds(i, k) (is_slot_of(view(i, SLOT), i, k) || is_slot_of(view(i, SLOT + 1), i, k))
#define holds_now(i, k, g) (is_slot_for(view(i, SLOT), i, k, g) || is_slot_for(view(i, SLOT + 1), i, k, g))
#define has_slot_in_etcd(i, k) (is_slot_of(etcd[SLOT], i, k) || is_slot_of(etcd[SLOT + 1], i, k))
#endif
#ifdef NO_SLOT
#define may_replace(i, k, g) true
#else
#define may_replace(i, k, g) holds_now(i, k, g)
#endif

#define runs(i, k, g) (copy(i, k, g) != NONE)
#define runs_any(i, k) (runs(i, k, 1) || runs(i, k, 2) || runs(i, k, 3))
#define is_current(i, k) runs(i, k, wanted(i))
#define is_alone(i, k, g) (runs(i, k, 1) + runs(i, k, 2) + runs(i, k, 3) == 1 && runs(i, k, g))

#define is_stopped(i) (state(view(i, RECORD)) == FAILED && to(view(i, RECORD)) == wanted(i))
#ifdef REVERTS_A_REVERT
#define was_reverted(i) false
#else
#define was_reverted(i) \
    (state(view(i, RECORD)) == REVERTED && (before(view(i, RECORD)) == wanted(i) || to(view(i, RECORD)) == wanted(i)))
#endif
/* The newest other revision that is marked as good: 1 and 2 are. */
#define former(g) ((g) == 1 -> 2 : 1)

#define last(i, k) (is_own(i, k) -> value(view(i, k)) : lost(i, k))

/* Whether the copy that our claim names is healthy, or was when this agent began and is not known to be ill since. */
#ifdef FORGETS_WHAT_SERVED
#define stands(i, k) (copy(i, k, named) >= FIT)
#else
#define stands(i, k) (copy(i, k, named) >= FIT || (copy(i, k, named) == BLANK && (last(i, k) & WELL)))
#endif

/* The copy to report, in serving: Note [The healthy copy] of the code. */
inline choose_serving(i, k) {
    d = wanted(i);
    named = leads(last(i, k));
    serving = 0;
    h = 0;
    for (g : 1 .. 3) {
        if
        :: copy(i, k, g) >= FIT && (!serving || g == d) -> serving = g
        :: else
        fi;
        if
        :: runs(i, k, g) && (!h || g == d) -> h = g
        :: else
        fi
    }
    if
    :: named && stands(i, k) -> serving = named
    :: !(named && stands(i, k)) && !serving -> serving = (named && runs(i, k, named) -> named : h)
    :: else
    fi;
#ifdef CLAIMS_UNPROVEN
    if
    :: copy(i, k, d) >= FIT -> serving = d
    :: else
    fi
#else
    if
    :: copy(i, k, d) == PROVEN -> serving = d
    :: else
    fi
#endif
}

/* Whether a copy is to go, but for its claim and the answers of others. */
#define is_proving(i, k) (holds(i, k) && leads(view(i, k)) != wanted(i))
#define may_go(i, k, g) \
    (copy(i, k, g) == ILL || ((view(i, k) & WELL) && leads(view(i, k)) && runs(i, k, leads(view(i, k)))))
#define is_extra(i, k, g) \
    (g != wanted(i) && runs(i, k, g) && is_current(i, k) && !is_proving(i, k) && may_go(i, k, g))
/* Of several of other definitions, that which is named is the old one; the others are one too many. */
#define is_old(i, k, g) (leads(view(i, k)) == g || !leads(view(i, k)) || !runs(i, k, leads(view(i, k))))
#define is_between(i, k, g) \
    (g != wanted(i) && runs(i, k, g) && !is_current(i, k) && !is_old(i, k, g) && may_go(i, k, g))
#define gives_way(i, k, g) \
    (STOPS_FIRST && g != wanted(i) && runs(i, k, g) && !is_current(i, k) && is_old(i, k, g) && \
    may_replace(i, k, wanted(i)))
#define is_surplus(i, k, g) (is_another(i, k) && (view(i, k) & WELL) && runs(i, k, g))
#define is_to_go(i, k, g) \
    (is_own(i, k) -> \
        (gives_way(i, k, g) || is_between(i, k, g) || (is_extra(i, k, g) && nothing_leads(i, k, g))) : \
        is_surplus(i, k, g))

#define is_led_to(i, k, g) leads_to(view(i, k), i, g)
#ifdef STOPS_WHAT_LEADS
#define nothing_leads(i, k, g) true
#else
#define nothing_leads(i, k, g) (!is_led_to(i, k, g))
#endif
#ifdef STOPS_UNSEEN
#define is_acknowledged(i, k) true
#else
#define is_acknowledged(i, k) ((view(peer(i), k) & STILL) || slow[peer(i) - 1] || !lease[peer(i) - 1])
#endif
#define may_stop(i, k, g) \
    (is_sure(i) && is_to_go(i, k, g) && has_answer(i, k) && nothing_leads(i, k, g) && is_acknowledged(i, k))

/* The record of an instance of ours, in wish: see report() and _withdrawn() of the code. */
inline choose_record(i, k) {
    choose_serving(i, k);
    if
    :: serving && copy(i, k, serving) >= FIT -> wish = claim(i, serving, 1)
    :: serving && copy(i, k, serving) == ILL -> wish = claim(i, serving, 0)
    :: serving && copy(i, k, serving) == BLANK && serving == named -> wish = last(i, k)
    :: else -> wish = claim(i, named, 0)
    fi;
    if
    :: is_own(i, k) && (wish & WELL) && is_to_go(i, k, leads(wish)) -> wish = wish - WELL
    :: else
    fi
}

/* ---- the laws --------------------------------------------------------------------------------------------------- */

#define is_well(i, k, g) (copy(i, k, g) >= BLANK)
#define is_well_any(i, k) (is_well(i, k, 1) || is_well(i, k, 2) || is_well(i, k, 3))
#define is_up(k) (is_well_any(1, k) || is_well_any(2, k) || harmed[k])
#define is_served(k) \
    (harmed[k] || (!owner(etcd[k]) && is_up(k)) || /* a lease has just ended */ \
    (owner(etcd[k]) && leads(etcd[k]) && (etcd[k] & WELL) && is_well(owner(etcd[k]), k, leads(etcd[k]))))

inline stop(i, k, g_) {
    /* law: no node that is alive and in time leads anybody to it */
    assert(!leads_to(view(peer(i), k), i, g_) || slow[peer(i) - 1] || !lease[peer(i) - 1]);
    found = is_well(i, k, g_);
    other = is_own(i, k) && gives_way(i, k, g_);
    copy(i, k, g_) = NONE;
    if
    /* law: a healthy one goes only for another one that is led to, or that its owner may stop first */
    :: found && !other -> assert(is_served(k) || (STOPS_FIRST && has_slot_in_etcd(peer(i), k)))
    :: found && other -> assert(has_slot_in_etcd(i, k)) /* law: stop-first only with a slot */
    :: else
    fi;
    /* law: as many are healthy as are wanted, but for those that stop first */
    assert(is_up(0) + is_up(1) + (STOPS_FIRST -> PARALLELISM : 0) >= 2);
    found = 0;
    other = 0
}

/* law: never more than Parallelism in transition, as each has a slot in etcd */
inline start_beside(i, k) {
    assert(has_slot_in_etcd(i, k));
    copy(i, k, wanted(i)) = UP
}

/* ---- a node ------------------------------------------------------------------------------------------------------ */

#if PARALLELISM == 1
#define is_present(i) \
    ((view(i, 0) & STILL) && (view(i, 1) & STILL) && (view(i, 2) & STILL) && (view(i, 3) & STILL) && \
    (view(i, 4) & STILL))
#else
#define is_present(i) \
    ((view(i, 0) & STILL) && (view(i, 1) & STILL) && (view(i, 2) & STILL) && (view(i, 3) & STILL) && \
    (view(i, 4) & STILL) && (view(i, 5) & STILL))
#endif

inline forget(i) {
    failed[i - 1] = 0;
    unsure[i - 1] = 0;
    request[i - 1] = 0;
    content[i - 1] = 0;
    for (h : 0 .. 5) {
        if
        :: box[(i - 1) * 6 + h] > BLANK -> box[(i - 1) * 6 + h] = BLANK
        :: box[(i - 1) * 6 + h] == ILL -> box[(i - 1) * 6 + h] = UP
        :: else
        fi
    }
    h = 0
}

#ifdef SLOT_WITHOUT_LEASE
#define is_leased(key) (key < SLOT)
#else
#define is_leased(key) true
#endif

inline end_lease(i) {
    lease[i - 1] = 0;
    for (s : 0 .. 1) {
        if
        :: !is_up(s) -> harmed[s] = 1 /* a slot that is lost while nothing runs is free for others */
        :: else
        fi
    }
    if
    :: kind(request[i - 1]) < REVERT -> request[i - 1] = request[i - 1] & (255 - MATCHES)
    :: else
    fi;
    for (s : 0 .. KEYS - 1) {
        if
        :: s < 2 && owner(view(i, s)) == i -> lost(i, s) = value(view(i, s))
        :: else
        fi;
        if
        :: s != DEFINITION && s != RECORD && owner(etcd[s]) == i && is_leased(s) -> write(s, 0)
        :: else
        fi
    }
    s = 0;
    assert(owner(etcd[SLOT]) != i) /* law: the dead keep no slot */
}

inline die(i, k, g_) {
    found = is_well(i, k, g_) && leads_to(etcd[k], i, g_);
    copy(i, k, g_) = NONE;
    if
    :: found || !is_up(k) -> harmed[k] = 1
    :: else
    fi
}

proctype Node(byte i) {
end:
    do
    :: d_step {
        lease[i - 1] && (!is_present(i) || slow[i - 1]) ->
        printf("node %d: sees the present\n", i); catch_up(i);
        skip
    }
    :: d_step { !lease[i - 1] -> printf("node %d: has a lease again\n", i); lease[i - 1] = 1; catch_up(i); skip }
    :: d_step {
        fault && lease[i - 1] -> happens;
        printf("node %d: FAULT its lease ends\n", i);
        end_lease(i);
        skip
    }
    :: d_step {
        fault -> happens;
        printf("node %d: FAULT the agent crashes and comes back\n", i);
        forget(i);
        skip
    }
    :: d_step {
        fault && lease[i - 1] && !is_present(i) && !slow[i - 1] -> happens;
        printf("node %d: FAULT it is so slow that nobody waits for it\n", i);
        slow[i - 1] = 1;
        skip
    }
    :: d_step { request[i - 1] -> printf("node %d: the request arrives\n", i); be_answered(i); skip }
    :: d_step {
        request[i - 1] ->
        printf("node %d: the request arrives, its answer is lost\n", i);
        commit(i);
        be_lost(i);
        skip
    }
    :: d_step { request[i - 1] -> printf("node %d: the request is lost\n", i); be_lost(i); skip }
    :: d_step {
        unsure[i - 1] && lease[i - 1] ->
        printf("node %d: reads claim %d\n", i, unsure[i - 1]);
        note(i, unsure[i - 1] - 1);
        unsure[i - 1] = 0;
        skip
    }
    od
}

/* A request that is answered at once, or, by a fault, later. */
#define asks_now(i) (!request[i - 1])

#define may_claim_it(i, k) (is_sure(i) && lane_is_free(i, k) && !owner(view(i, k)))
#define may_tell(i, k) (is_sure(i) && lane_is_free(i, k) && is_own(i, k))

/* Which write an instance needs, in v, with its key in s and its content in w; 0 for none. */
inline choose_claim_write(i, k) {
    v = 0;
    s = k;
    if
    :: may_claim_it(i, k) -> choose_record(i, k); v = TAKE; w = wish
    :: may_tell(i, k) ->
        choose_record(i, k);
        if
        :: wish != value(view(i, k)) -> v = TELL; w = wish
        :: else
        fi
    :: else
    fi
}

#define needs_slot(i, k) (is_sure(i) && is_own(i, k) && runs_any(i, k) && !is_current(i, k))
#define is_through(i, k) \
    (!is_own(i, k) || (is_alone(i, k, wanted(i)) && leads_to(view(i, k), i, wanted(i)) && \
    copy(i, k, wanted(i)) == PROVEN))

inline choose_slot_write(i, k) {
    v = 0;
    w = 0;
    for (h : SLOT .. KEYS - 1) {
        if
        :: v == 0 && is_slot_of(view(i, h), i, k) && is_through(i, k) && is_sure(i) -> v = FREE; s = h; w = 0
        :: v == 0 && needs_slot(i, k) && is_slot_of(view(i, h), i, k) && !is_slot_for(view(i, h), i, k, wanted(i)) ->
            v = TELL;
            s = h;
            w = slot(i, k, wanted(i))
        :: v == 0 && needs_slot(i, k) && !holds(i, k) && !is_stopped(i) && value(view(i, h)) == 0 ->
            v = TAKE;
            s = h;
            w = slot(i, k, wanted(i))
        :: else
        fi
    }
    h = 0
}

#define judges(i, k) (is_sure(i) && is_own(i, k) && (failed[i - 1] & (1 << k)) && !is_stopped(i))

inline choose_end(i, k) {
    s = RECORD;
    if
    :: !was_reverted(i) -> v = REVERT; w = former(wanted(i)) | (wanted(i) << 2)
    :: else -> v = GIVE_UP; w = record(FAILED, wanted(i), 0)
    fi
}

proctype Place(byte i; byte k) {
end:
    do
    /* the claim */
    :: d_step {
        asks_now(i) && (may_claim_it(i, k) || may_tell(i, k)) ->
        choose_claim_write(i, k);
        if
        :: v -> ask(i, v, s, w); be_answered(i)
        :: else
        fi;
        skip
    }
    :: d_step {
        fault && asks_now(i) && (may_claim_it(i, k) || may_tell(i, k)) ->
        choose_claim_write(i, k);
        if
        :: v -> happens; printf("node %d: FAULT a request about claim %d is delayed\n", i, k); ask(i, v, s, w)
        :: else
        fi;
        skip
    }
    /* slots */
    :: d_step {
        asks_now(i) && is_sure(i) ->
        choose_slot_write(i, k);
        if
        :: v -> ask(i, v, s, w); be_answered(i)
        :: else
        fi;
        skip
    }
    :: d_step {
        fault && asks_now(i) && is_sure(i) ->
        choose_slot_write(i, k);
        if
        :: v -> happens; printf("node %d: FAULT a request about a slot is delayed\n", i); ask(i, v, s, w)
        :: else
        fi;
        skip
    }
    /* the rollout as a whole */
    :: d_step { asks_now(i) && judges(i, k) -> choose_end(i, k); ask(i, v, s, w); be_answered(i); skip }
    :: d_step {
        fault && asks_now(i) && judges(i, k) -> happens;
        printf("node %d: FAULT the request to end the rollout is delayed\n", i);
        choose_end(i, k);
        ask(i, v, s, w);
        skip
    }

    /* containers */
    :: d_step {
        is_sure(i) && is_own(i, k) && !runs_any(i, k) ->
        printf("node %d: starts a container of %d for instance %d\n", i, wanted(i), k);
        copy(i, k, wanted(i)) = UP;
        skip
    }
    :: d_step {
        is_sure(i) && is_own(i, k) && runs_any(i, k) && !is_current(i, k) && !STOPS_FIRST &&
        may_replace(i, k, wanted(i)) ->
        printf("node %d: starts a container of %d for instance %d, beside\n", i, wanted(i), k);
        start_beside(i, k);
        skip
    }
    :: d_step { may_stop(i, k, 1) -> printf("node %d: stops 1 of instance %d\n", i, k); stop(i, k, 1); skip }
    :: d_step { may_stop(i, k, 2) -> printf("node %d: stops 2 of instance %d\n", i, k); stop(i, k, 2); skip }
#if CHANGES > 1
    :: d_step { may_stop(i, k, 3) -> printf("node %d: stops 3 of instance %d\n", i, k); stop(i, k, 3); skip }
#endif
    od
}

/* What becomes of one container. */
proctype Container(byte i; byte k; byte g_) {
end:
    do
    :: d_step {
        copy(i, k, g_) == UP ->
        printf("node %d: %d of instance %d is healthy\n", i, g_, k);
        copy(i, k, g_) = FIT;
        skip
    }
    :: d_step { copy(i, k, g_) == BLANK -> copy(i, k, g_) = FIT; skip }
    :: d_step {
        copy(i, k, g_) == FIT && g_ != BAD ->
        printf("node %d: %d of instance %d is proven\n", i, g_, k);
        copy(i, k, g_) = PROVEN;
        skip
    }
    :: d_step {
        g_ == BAD && copy(i, k, g_) != NONE ->
        printf("node %d: %d of instance %d dies\n", i, g_, k);
        die(i, k, g_);
        failed[i - 1] = failed[i - 1] | (wanted(i) == g_ -> 1 << k : 0);
        skip
    }
    :: d_step {
        g_ == BAD && (copy(i, k, g_) == UP || copy(i, k, g_) == FIT) ->
        printf("node %d: %d of instance %d is not healthy\n", i, g_, k);
        die(i, k, g_);
        copy(i, k, g_) = ILL;
        failed[i - 1] = failed[i - 1] | (wanted(i) == g_ -> 1 << k : 0);
        skip
    }
    :: d_step {
        fault && copy(i, k, g_) == UP && wanted(i) == g_ -> happens;
        printf("node %d: FAULT %d of instance %d does not start\n", i, g_, k);
        copy(i, k, g_) = NONE;
        failed[i - 1] = failed[i - 1] | (1 << k);
        skip
    }
    :: d_step {
        fault && copy(i, k, g_) >= BLANK -> happens;
        printf("node %d: FAULT %d of instance %d dies\n", i, g_, k);
        die(i, k, g_);
        skip
    }
    od
}

inline store(g_) {
    printf("a person stores %d\n", g_);
    reverts = 0;
    write(DEFINITION, g_);
    write(RECORD, 0)
}

proctype Person() {
end:
    do
    :: d_step { changes_left && etcd[DEFINITION] != 3 -> changes_left--; store(3); skip }
    :: d_step { changes_left && etcd[DEFINITION] != 1 -> changes_left--; store(1); skip }
    od
}

#define is_settled(k) \
    (owner(etcd[k]) && leads_to(etcd[k], owner(etcd[k]), etcd[DEFINITION]) && \
    copy(owner(etcd[k]), k, etcd[DEFINITION]) >= FIT && \
    is_alone(owner(etcd[k]), k, etcd[DEFINITION]) && !runs_any(peer(owner(etcd[k])), k))

init {
    atomic {
        for (n : 1 .. 2) {
            lease[n - 1] = 1;
            etcd[n - 1] = claim(n, 1, 1);
            copy(n, n - 1, 1) = PROVEN
        }
        etcd[DEFINITION] = 1;
        for (g : 1 .. 2) {
            for (s : 0 .. KEYS - 1) {
                note(g, s)
            }
        }
        write(DEFINITION, 2);
        g = 0; s = 0; n = 0;
        run Node(1); run Node(2);
        run Place(1, 0); run Place(1, 1); run Place(2, 0); run Place(2, 1);
        run Container(1, 0, 1); run Container(1, 1, 1); run Container(2, 0, 1); run Container(2, 1, 1);
        run Container(1, 0, 2); run Container(1, 1, 2); run Container(2, 0, 2); run Container(2, 1, 2);
#if CHANGES > 1
        run Container(1, 0, 3); run Container(1, 1, 3); run Container(2, 0, 3); run Container(2, 1, 3);
        run Person()
#endif
    }
    /* law: when nothing is left to happen, all run what is stored and no slot is left, unless a person is waited for */
    timeout ->
    atomic {
        if
        :: state(etcd[RECORD]) == FAILED && to(etcd[RECORD]) == etcd[DEFINITION]
        :: else ->
            for (s : SLOT .. KEYS - 1) {
                assert(etcd[s] == 0)
            }
            assert(is_settled(0) && is_settled(1))
        fi
    }
}
