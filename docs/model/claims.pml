/*
 * Who runs an instance: claims, leases, moves and freezing, for every order of events. README.rst beside this file says
 * what is modelled, what is not, and how to read an error; tools/check_model.py runs it.
 *
 * Owns: the protocol of docs/design/reconcile.rst and its laws. Refuses to know: placement, ports, DNS, health checks,
 * images, rollouts in place.
 *
 * Note [Trouble is delay]
 *     Any step that is possible may be taken late. So a paused agent, a cut link, a crashed agent before its return, a
 *     slow disk and an etcd without a leader need no state of their own: they are runs in which certain steps wait
 *     while all others go on. What trouble destroys (memory, answers, containers, certainty) is a step of its own,
 *     and counted as a fault.
 *
 * Note [Time is an order]
 *     The protocol rests on one fact about time: a lease that its node still counts as certain has not ended
 *     (heartbeat.py, [When a lease is certain]). So CERTAIN falls first, by the node's own clock, and only then may
 *     etcd end the lease; how much later is open, which covers the lease extensions of a new leader.
 *
 * Note [Marks for revisions]
 *     A create revision is never used twice. To compare one is to ask whether the key was deleted since; a copy of a
 *     claim (a view, a version on its way, a request) carries that as the mark FENCE, which the deletion takes away. In
 *     the same way LEASE says that the lease the claim hangs on has not ended. A put on an existing key keeps its
 *     create revision: after a move FENCE still holds for the former owner, and only comparing the lease refuses it.
 *
 * Note [The watch]
 *     A node's view of an instance is one of its past versions and only moves forward: to the next one (of the last
 *     LAG), or, by a listing, to the present. Own writes are taken over with their answer (cluster.py, [Own writes come
 *     twice]). The order between different instances is not kept, which allows more than etcd does.
 *
 * Note [Bystanders]
 *     What can make no difference is not kept, as it would only multiply states. A node without container, claim or
 *     request could do nothing with an old view but ask in vain, so it has the present one. Out of touch a node only
 *     looks whether a claim is its own, as everything else waits for a listing.
 *
 * Note [Unknown fate]
 *     A request whose answer is lost may have made this node the owner. As long as one is on its way, or its fate
 *     is unknown, the view may be older than what the node itself has done, and no copy is stopped on its word.
 *
 * Note [The last copy]
 *     With -DNO_DEATHS no container dies by itself, and then agents may never stop the last healthy copy. Rule 2 does
 *     not give that, as it judges each stop alone. It takes one thing more: a copy that is being stopped is not told
 *     as healthy, also not when its node claims with it. Otherwise two nodes stop theirs, each on the other's word.
 *
 * Note [The guard]
 *     An agent alone cannot keep OnPartition "stop": paused or crashed it stops nothing, and its lease ends. It takes
 *     a process beside it that knows until when the last beat counts, starts these containers and kills them in time:
 *     the guard. ENDING is the time it has for that.
 */

#ifndef NODES
#define NODES 3
#endif
#ifndef INSTANCES
#define INSTANCES 1
#endif
#ifndef LAG
#define LAG 2 /* versions of an instance that a watch can be behind without skipping: 1 or 2 */
#endif
#ifdef ON_PARTITION_STOP
#define STOPS true
#else
#define STOPS false
#endif
#ifdef STOPS_WHILE_FROZEN
#define KEEPS_ALL_VIEWS true
#else
#define KEEPS_ALL_VIEWS false
#endif
#ifdef NO_DEATHS
#define DEATHS false
#else
#define DEATHS true
#endif

/* Faults and wishes: any number, or FAULTS of them, after which everything must settle. */
#ifdef FAULTS
byte faults_left = FAULTS;
#define fault (faults_left > 0)
#define happens faults_left--
#else
#define fault true
#define happens skip
#endif

/* A version of the keys instances/../n and instances/../n/next, in one byte. Nodes count from 1; 0 is nobody. */
#define OWNER 3
#define HEALTHY 4
#define FENCE 8
#define LEASE 16
#define NEXT 96
#define ASKED 128 /* the claim is still the one for which the successor was asked */
#define owner(v) ((v) & OWNER)
#define next(v) (((v) & NEXT) >> 5)
#define without(v, bits) ((v) & (255 - (bits)))

/* A request on its way to etcd: what is wanted; MATCHES: all that it compares was so when it was sent and is still. */
#define KIND 7
#define TAKE 1
#define TELL 2
#define RELEASE 3
#define SUCCEED 4
#define PROMOTE 5
#define WITHDRAW 6
#define WELL 8
#define MATCHES 16
#define kind(r) ((r) & KIND)

/* A lease, as etcd and its node have it. */
#define GONE 0
#define CERTAIN 1
#define ENDING 2    /* with OnPartition stop: no start any more, the guard kills */
#define DOUBTFUL 3  /* etcd may end it */
#define FORGOTTEN 4 /* the node lost its state directory and waits for it to end */

/* A container. */
#define NONE 0
#define STARTING 1 /* the Engine was asked to; from here on it may run */
#define FIT 2
#define STOPPING 3

#define NODE_COUNT (NODES + 1)
#define PLACES (NODE_COUNT * INSTANCES)
#define at(i, k) ((i) * INSTANCES + (k))

byte etcd[INSTANCES];   /* the present version */
byte former[INSTANCES]; /* the one before, while some watch has still to tell it */
byte view[PLACES];
byte unseen[PLACES]; /* versions the watch has not told yet */
byte container[PLACES];
byte request[PLACES];
bit leaving[PLACES]; /* with OnPartition stop: this owner is giving the instance away */
bit beaten[PLACES];  /* for the laws: since this node held the claim another one did, and was healthy */
byte lease[NODE_COUNT];
bit in_touch[NODE_COUNT];

hidden byte n, v, q, found;

#ifdef SYMMETRY
c_code { \#include "symmetry.c"
};
#define tidy c_code { keep_smallest(); }
#else
#define tidy skip
#endif

/* ---- etcd ---------------------------------------------------------------------------------------------------- */

inline keep_former(k) {
    found = 0;
    for (n : 1 .. NODES) {
        if
        :: unseen[at(n, k)] == 2 -> found = 1
        :: else
        fi
    }
    if
    :: !found -> former[k] = 0
    :: else
    fi
}

#define is_idle(i, k) (container[at(i, k)] == NONE && !request[at(i, k)])
#define is_bystander(i, k) (is_idle(i, k) && owner(view[at(i, k)]) != i && next(view[at(i, k)]) != i)

/* What stands there, as node i reads it: of another's lease it knows nothing. */
#define read_by(i, version) (owner(version) == (i) -> (version) : without(version, LEASE))

/* See Note [Bystanders]. */
inline forget_what_is_no_matter(i, k) {
    if
    :: !in_touch[i] && !KEEPS_ALL_VIEWS ->
        unseen[at(i, k)] = 0;
        view[at(i, k)] = (owner(view[at(i, k)]) == i && !STOPS -> i : 0)
    :: in_touch[i] && is_bystander(i, k) ->
        unseen[at(i, k)] = 0;
        view[at(i, k)] = read_by(i, etcd[k])
    :: else
    fi
}

inline change(k, version) {
    former[k] = etcd[k];
    etcd[k] = version;
    for (n : 1 .. NODES) {
        if
        :: unseen[at(n, k)] < LAG && in_touch[n] -> unseen[at(n, k)]++
        :: else
        fi;
        if
        :: owner(etcd[k]) == n -> beaten[at(n, k)] = 0
        :: owner(etcd[k]) != n && owner(etcd[k]) && (etcd[k] & HEALTHY) -> beaten[at(n, k)] = 1
        :: else
        fi;
        forget_what_is_no_matter(n, k)
    }
    keep_former(k)
}

/* The claim's key is deleted: no copy of it matches any more. */
inline delete_claim(k) {
    for (n : 1 .. NODES) {
        view[at(n, k)] = without(view[at(n, k)], FENCE | ASKED);
        if
        :: kind(request[at(n, k)]) != TAKE && kind(request[at(n, k)]) != WITHDRAW ->
            request[at(n, k)] = without(request[at(n, k)], MATCHES)
        :: else
        fi
    }
    former[k] = without(former[k], FENCE | ASKED);
    etcd[k] = without(etcd[k], FENCE | ASKED)
}

/* A lease ends, and with it at once all that hangs on it. */
inline end_lease(i) {
    for (q : 0 .. INSTANCES - 1) {
        request[at(i, q)] = without(request[at(i, q)], MATCHES);
        v = etcd[q];
        if
        :: owner(v) == i -> delete_claim(q); v = without(v, OWNER | HEALTHY | FENCE | LEASE | ASKED)
        :: else
        fi;
        if
        :: next(v) == i -> v = without(v, NEXT | ASKED)
        :: else
        fi;
        if
        :: v != etcd[q] -> change(q, v)
        :: else
        fi;
        /* what the node still reads of the former lease does not carry the id of its present one */
        if
        :: owner(view[at(i, q)]) == i -> view[at(i, q)] = without(view[at(i, q)], LEASE)
        :: else
        fi;
        if
        :: next(view[at(i, q)]) == i -> view[at(i, q)] = without(view[at(i, q)], ASKED)
        :: else
        fi;
        if
        :: owner(former[q]) == i -> former[q] = without(former[q], LEASE)
        :: else
        fi;
        if
        :: next(former[q]) == i -> former[q] = without(former[q], ASKED)
        :: else
        fi
    }
    lease[i] = GONE
}

#ifdef NO_FENCE
#define matches(i, k) true
#else
#ifdef NO_LEASE_COMPARED
#define matches(i, k) (request[at(i, k)] & MATCHES)
#else
#define matches(i, k) ((request[at(i, k)] & MATCHES) && owner(etcd[k]) == i)
#endif
#endif
#ifdef MOVE_OVER_ANY_CLAIM
#define matches_move(i, k) (next(etcd[k]) == i)
#else
#define matches_move(i, k) ((request[at(i, k)] & MATCHES) && next(etcd[k]) == i && (etcd[k] & ASKED))
#endif

/* One transaction at etcd; found says whether its conditions held. */
inline commit(i, k) {
    v = etcd[k];
    if
    :: kind(request[at(i, k)]) == TAKE && (request[at(i, k)] & MATCHES) && owner(v) == 0 ->
        v = without(v, HEALTHY | ASKED) | i | FENCE | LEASE | ((request[at(i, k)] & WELL) -> HEALTHY : 0);
        change(k, v);
        found = 1
    :: kind(request[at(i, k)]) == TELL && matches(i, k) ->
        assert(owner(v) == i); /* law: a write never changes another's claim */
        v = without(v, HEALTHY) | ((request[at(i, k)] & WELL) -> HEALTHY : 0);
        if
        :: v != etcd[k] -> change(k, v)
        :: else
        fi;
        found = 1
    :: kind(request[at(i, k)]) == RELEASE && matches(i, k) ->
        assert(owner(v) == i); /* the same law */
        delete_claim(k);
        v = without(v, OWNER | HEALTHY | FENCE | LEASE | ASKED);
        change(k, v);
        found = 1
    :: kind(request[at(i, k)]) == SUCCEED && (request[at(i, k)] & MATCHES) && next(v) == 0 && owner(v) != 0 ->
        v = v | (i << 5) | ASKED;
        change(k, v);
        found = 1
    :: kind(request[at(i, k)]) == PROMOTE && matches_move(i, k) ->
        assert(owner(v) && (v & ASKED)); /* law: a claim changes hands only from the owner who asked for it */
        v = without(v, OWNER | NEXT | ASKED) | i | HEALTHY | FENCE | LEASE;
        change(k, v);
        found = 1
    :: kind(request[at(i, k)]) == WITHDRAW && (request[at(i, k)] & MATCHES) && next(v) == i ->
        v = without(v, NEXT | ASKED);
        change(k, v);
        found = 1
    :: else -> found = 0
    fi;
    print_commit(i, k)
}

#define is_healthy(version) (((version) & HEALTHY) -> 1 : 0)

inline print_view(i, k) {
    printf("node %d, instance %d: sees owner %d (healthy %d), successor %d\n", i, k + 1, owner(view[at(i, k)]),
        is_healthy(view[at(i, k)]), next(view[at(i, k)]))
}

inline print_commit(i, k) {
    if
    :: kind(request[at(i, k)]) == TAKE -> printf("node %d, instance %d: takes the claim", i, k + 1)
    :: kind(request[at(i, k)]) == TELL -> printf("node %d, instance %d: tells its health", i, k + 1)
    :: kind(request[at(i, k)]) == RELEASE -> printf("node %d, instance %d: releases the claim", i, k + 1)
    :: kind(request[at(i, k)]) == SUCCEED -> printf("node %d, instance %d: WISH becomes successor", i, k + 1)
    :: kind(request[at(i, k)]) == PROMOTE -> printf("node %d, instance %d: takes the owner's place", i, k + 1)
    :: kind(request[at(i, k)]) == WITHDRAW -> printf("node %d, instance %d: gives up as successor", i, k + 1)
    fi;
    if
    :: found ->
        printf("; etcd has owner %d (healthy %d), successor %d\n", owner(etcd[k]), is_healthy(etcd[k]), next(etcd[k]))
    :: else -> printf(": refused\n")
    fi
}

/* ---- an agent ------------------------------------------------------------------------------------------------ */

inline see_present(i, k) {
    view[at(i, k)] = read_by(i, etcd[k]);
    unseen[at(i, k)] = 0;
    forget_what_is_no_matter(i, k);
    keep_former(k)
}

inline lose_touch(i) {
    in_touch[i] = 0;
    for (q : 0 .. INSTANCES - 1) {
        forget_what_is_no_matter(i, q);
        keep_former(q)
    }
    skip
}

/* The agent's memory is lost; what it asked of the Engine goes on. */
inline lose_memory(i) {
    for (q : 0 .. INSTANCES - 1) {
        request[at(i, q)] = 0;
        leaving[at(i, q)] = 0
    }
    lose_touch(i)
}

inline lose_state_directory(i) {
    for (q : 0 .. INSTANCES - 1) {
        view[at(i, q)] = 0
    }
    lease[i] = (lease[i] == GONE -> GONE : FORGOTTEN)
}

/* See Note [Unknown fate]. A claim that may have been released counts as lost until a listing shows it. */
inline lose_answer(i, k) {
    if
    :: kind(request[at(i, k)]) == RELEASE -> view[at(i, k)] = 0
    :: else
    fi;
    request[at(i, k)] = 0;
    leaving[at(i, k)] = 0;
#ifndef TRUSTS_VIEW_AFTER_LOST_ANSWER
    lose_touch(i)
#else
    forget_what_is_no_matter(i, k);
    keep_former(k)
#endif
}

#define after_certain (STOPS -> ENDING : DOUBTFUL)

#define may_write(i) (in_touch[i] && lease[i] == CERTAIN)
#define is_own(i, k) (owner(view[at(i, k)]) == i)
#define is_confirmed(i, k) (may_write(i) && is_own(i, k) && (view[at(i, k)] & LEASE))
#define is_another(i, k) (owner(view[at(i, k)]) && !is_own(i, k))
#define is_successor(i, k) (next(view[at(i, k)]) == i && (view[at(i, k)] & ASKED))
#define is_well(i, k) (container[at(i, k)] == FIT)

inline stop_surplus(i, k) {
    assert(in_touch[i]);      /* law: nothing is stopped while frozen */
    assert(beaten[at(i, k)]); /* law: another one held the claim and was healthy, in etcd's order */
    container[at(i, k)] = STOPPING;
#ifdef NO_DEATHS
    found = 0;
    for (n : 1 .. NODES) {
        if
        :: container[at(n, k)] == FIT -> found = 1
        :: else
        fi
    }
    assert(found) /* law: the last healthy copy is not stopped; Note [The last copy] */
#endif
}

#ifdef TELLS_WHILE_STOPPING
#define told_well(i, k) (is_well(i, k) || container[at(i, k)] == STOPPING)
#else
#define told_well(i, k) is_well(i, k)
#endif

#ifdef KEEPS_SURPLUS
#define is_surplus(i, k) false
#else
#define is_surplus(i, k) (is_fresh(i) && has_answer(i, k) && is_elsewhere(i, k) && !is_successor(i, k))
#endif
#ifdef STOPS_WHILE_FROZEN
#define is_fresh(i) true
#else
#define is_fresh(i) in_touch[i]
#endif
#ifdef TRUSTS_VIEW_AFTER_LOST_ANSWER
#define has_answer(i, k) true
#else
#define has_answer(i, k) (!request[at(i, k)])
#endif
#ifdef STOPS_ON_ABSENCE
#define is_elsewhere(i, k) (!is_own(i, k))
#else
#ifdef STOPS_WHEN_TAKEN
#define is_elsewhere(i, k) is_another(i, k)
#else
#define is_elsewhere(i, k) (is_another(i, k) && (view[at(i, k)] & HEALTHY))
#endif
#endif

/* What an agent with an idle claim lane asks of etcd next; 0: nothing. */
#define asks(i, k) (!request[at(i, k)] && may_write(i) -> may_ask(i, k) : 0)
#define may_ask(i, k) (!owner(view[at(i, k)]) -> TAKE : may_tell(i, k))
#define may_tell(i, k) (is_confirmed(i, k) && is_news(i, k) && !leaving[at(i, k)] -> TELL : may_release(i, k))
#define may_release(i, k) \
    (is_confirmed(i, k) && leaving[at(i, k)] && container[at(i, k)] == NONE -> RELEASE : may_promote(i, k))
#define may_promote(i, k) (is_another(i, k) && is_successor(i, k) && is_well(i, k) -> PROMOTE : may_withdraw(i, k))
#ifdef NEVER_WITHDRAWS
#define may_withdraw(i, k) 0
#else
#define may_withdraw(i, k) (next(view[at(i, k)]) == i && !is_successor(i, k) -> WITHDRAW : 0)
#endif
#define is_news(i, k) (told_well(i, k) != ((view[at(i, k)] & HEALTHY) != 0))

/* Send the request in v. */
inline send(i, k) {
    request[at(i, k)] = v | (told_well(i, k) -> WELL : 0);
    if
    :: (v == TELL || v == RELEASE || v == SUCCEED) && !(view[at(i, k)] & FENCE)
    :: else -> request[at(i, k)] = request[at(i, k)] | MATCHES
    fi
}

/* etcd decides and the answer arrives; behind a refusal the watch is not far. */
inline be_answered(i, k) {
    commit(i, k);
    request[at(i, k)] = 0;
    leaving[at(i, k)] = 0;
    if
    :: found || in_touch[i] -> see_present(i, k)
    :: else
    fi
}

inline end_container(i, k) {
    container[at(i, k)] = NONE;
    forget_what_is_no_matter(i, k);
    keep_former(k)
}

#ifdef ON_PARTITION_STOP
#ifdef STARTS_ANY_TIME
#define may_start(i, k) is_own(i, k)
#else
#define may_start(i, k) (is_confirmed(i, k) && !leaving[at(i, k)])
#endif
#ifdef START_FIRST
#define may_start_successor(i, k) (is_successor(i, k) && may_write(i))
#define MOVES_START_FIRST true
#else
#define may_start_successor(i, k) false
#define MOVES_START_FIRST false
#endif
#else
#define may_start(i, k) is_own(i, k)
#define may_start_successor(i, k) (is_successor(i, k) && may_write(i))
#define MOVES_START_FIRST true
#endif

#ifdef NO_GUARD
#define guard_has_stopped(i, k) true
#else
#ifdef AGENT_STARTS
#define guard_has_stopped(i, k) (container[at(i, k)] < FIT) /* an agent's start may still be on its way */
#else
#define guard_has_stopped(i, k) (container[at(i, k)] == NONE)
#endif
#endif
#if INSTANCES == 1
#define node_is_quiet(i) guard_has_stopped(i, 0)
#else
#define node_is_quiet(i) (guard_has_stopped(i, 0) && guard_has_stopped(i, 1))
#endif

#ifdef ENDS_WHILE_CERTAIN
#define may_end(i) (lease[i] != GONE)
#else
#define may_end(i) (lease[i] == DOUBTFUL || (lease[i] == FORGOTTEN && (!STOPS || node_is_quiet(i))))
#endif

inline check_one_copy(k) {
#ifdef ON_PARTITION_STOP
    found = 0;
    for (n : 1 .. NODES) {
        found = found + (container[at(n, k)] == NONE -> 0 : 1)
    }
    assert(found == 1) /* law: with OnPartition stop never two running copies */
#else
    skip
#endif
}

/* One node's lease, its connection and its agent's life. */
proctype Node(byte i) {
end:
    do
    :: d_step {
        lease[i] == ENDING || lease[i] == DOUBTFUL || lease[i] == GONE ->
        printf("node %d: a beat is answered\n", i);
        lease[i] = CERTAIN;
        tidy
    }
    :: d_step {
        fault && lease[i] == CERTAIN -> happens;
        printf("node %d: FAULT no beat is answered, its lease is not certain any more\n", i);
        lease[i] = after_certain;
        tidy
    }
    :: d_step {
        lease[i] == ENDING && node_is_quiet(i) ->
        printf("node %d: its deadline passes\n", i);
        lease[i] = DOUBTFUL;
        tidy
    }
    :: d_step {
        may_end(i) ->
        printf("etcd: the lease of node %d ends\n", i);
        end_lease(i);
        tidy
    }
    :: d_step {
        !in_touch[i] ->
        printf("node %d: in touch, by a listing\n", i);
        in_touch[i] = 1;
        for (q : 0 .. INSTANCES - 1) {
            see_present(i, q)
        }
        tidy
    }
    /* the same for no etcd, and for one that is empty, foreign or put back: frozen */
    :: d_step {
        fault && in_touch[i] -> happens;
        printf("node %d: FAULT out of touch, or frozen by an etcd that is not ours\n", i);
        lose_touch(i);
        tidy
    }
    :: d_step {
        fault -> happens;
        printf("node %d: FAULT the agent crashes and comes back\n", i);
        lose_memory(i);
        lease[i] = (lease[i] == CERTAIN -> after_certain : lease[i]);
        tidy
    }
    :: d_step {
        fault -> happens;
        printf("node %d: FAULT the agent crashes and comes back without its state directory\n", i);
        lose_memory(i);
        lose_state_directory(i);
        tidy
    }
    :: d_step {
        fault && DEATHS -> happens;
        printf("node %d: FAULT its power is cut\n", i);
        for (q : 0 .. INSTANCES - 1) {
            container[at(i, q)] = NONE
        }
        lose_memory(i);
        lease[i] = (lease[i] == CERTAIN -> after_certain : lease[i]);
        tidy
    }
    od
}

/* One instance on one node: its watch, its claim's lane and its container's. */
proctype Place(byte i; byte k) {
end:
    do
    :: d_step {
        unseen[at(i, k)] ->
        view[at(i, k)] = read_by(i, (unseen[at(i, k)] == 2 -> former[k] : etcd[k]));
        unseen[at(i, k)]--;
        print_view(i, k);
        forget_what_is_no_matter(i, k);
        keep_former(k);
        tidy
    }

    /* claim lane: one request at a time, answered at once */
    :: d_step {
        asks(i, k) ->
        v = asks(i, k);
        send(i, k);
        be_answered(i, k);
        tidy
    }
    /* or delayed; when it comes out of the network at last, it or its answer may be lost */
    :: d_step {
        fault && asks(i, k) -> happens;
        v = asks(i, k);
        send(i, k);
        printf("node %d, instance %d: FAULT and the request is delayed\n", i, k + 1);
        tidy
    }
    :: d_step {
        request[at(i, k)] ->
        printf("node %d, instance %d: the request arrives\n", i, k + 1);
        be_answered(i, k);
        tidy
    }
    :: d_step {
        request[at(i, k)] ->
        printf("node %d, instance %d: the request arrives, its answer is lost\n", i, k + 1);
        commit(i, k);
        lose_answer(i, k);
        tidy
    }
    :: d_step {
        request[at(i, k)] ->
        printf("node %d, instance %d: the request is lost\n", i, k + 1);
        lose_answer(i, k);
        tidy
    }
    /* wishes are counted among the faults: the owner asks another node to take over, ... */
    :: d_step {
        fault && MOVES_START_FIRST && !request[at(i, k)] && may_write(i) && is_another(i, k) &&
        !next(view[at(i, k)]) && container[at(i, k)] == NONE -> happens;
        v = SUCCEED;
        send(i, k);
        tidy
    }
    /* ... or, with OnPartition stop, stops first and then lets go */
    :: d_step {
        fault && STOPS && !request[at(i, k)] && is_confirmed(i, k) && !leaving[at(i, k)] &&
        container[at(i, k)] == FIT -> happens;
        printf("node %d, instance %d: WISH to give it away, the container is being stopped\n", i, k + 1);
        leaving[at(i, k)] = 1;
        container[at(i, k)] = STOPPING;
        tidy
    }

    /* container lane */
    :: d_step {
        container[at(i, k)] == NONE && (may_start(i, k) || may_start_successor(i, k)) ->
        printf("node %d, instance %d: container is being started\n", i, k + 1);
        container[at(i, k)] = STARTING;
        check_one_copy(k);
        tidy
    }
    :: d_step {
        container[at(i, k)] == STARTING ->
        printf("node %d, instance %d: container is healthy\n", i, k + 1);
        container[at(i, k)] = FIT;
        tidy
    }
    :: d_step {
        container[at(i, k)] == STOPPING ->
        printf("node %d, instance %d: container has stopped\n", i, k + 1);
        end_container(i, k);
        tidy
    }
    :: d_step {
        fault && DEATHS && (container[at(i, k)] == STARTING || container[at(i, k)] == FIT) -> happens;
        printf("node %d, instance %d: FAULT container dies\n", i, k + 1);
        end_container(i, k);
        tidy
    }
    :: d_step {
        is_surplus(i, k) && container[at(i, k)] == FIT ->
        printf("node %d, instance %d: its copy is surplus and is being stopped\n", i, k + 1);
        stop_surplus(i, k);
        tidy
    }
#ifdef BELIEVES_ANY_ETCD
    :: d_step {
        fault && !in_touch[i] && container[at(i, k)] == FIT -> happens;
        printf("node %d, instance %d: an etcd that was wiped has no definition, the copy is stopped\n", i, k + 1);
        in_touch[i] = 1;
        stop_surplus(i, k);
        tidy
    }
#endif

    /* the guard */
    :: d_step {
        STOPS && lease[i] >= ENDING && container[at(i, k)] == FIT ->
        printf("guard of node %d: stops instance %d\n", i, k + 1);
        container[at(i, k)] = STOPPING;
        tidy
    }
    :: d_step {
        STOPS && lease[i] >= ENDING && container[at(i, k)] == STARTING ->
        printf("guard of node %d: the start of instance %d is undone\n", i, k + 1);
        end_container(i, k);
        tidy
    }
    od
}

#define is_settled(k) \
    (owner(etcd[k]) && (etcd[k] & HEALTHY) && !next(etcd[k]) && container[at(owner(etcd[k]), k)] == FIT && found == 1)

init {
    atomic {
        for (n : 1 .. NODES) {
            lease[n] = CERTAIN;
            in_touch[n] = 1;
            run Node(n);
            run Place(n, 0)
#if INSTANCES == 2
            ;
            run Place(n, 1)
#endif
        }
    }
    /* law: when nothing is left to happen, each instance runs once, healthy, where its claim says */
    timeout ->
    atomic {
        for (q : 0 .. INSTANCES - 1) {
            found = 0;
            for (n : 1 .. NODES) {
                found = found + (container[at(n, q)] == NONE -> 0 : 1)
            }
            assert(is_settled(q))
        }
    }
}
