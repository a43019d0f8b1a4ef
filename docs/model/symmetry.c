/*
 * Nodes are alike, and so are instances: of all states that differ only in their names, keep one, the smallest.
 *
 * For runs with -DSYMMETRY. Included by claims.pml into the verifier that spin writes. Nodes change their names on the
 * way, so a violation is read in a run without it.
 */

#define ARRAYS 6

typedef struct {
    uchar etcd[INSTANCES], former[INSTANCES], lease[NODES], in_touch[NODES];
    uchar place[NODES][INSTANCES][ARRAYS];
} Named;

static uchar called(uchar version, const uchar *name)
{
    int owner = version & 3, next = (version & 96) >> 5;

    return (version & ~99) | (owner ? name[owner - 1] + 1 : 0) | (next ? (name[next - 1] + 1) << 5 : 0);
}

/* The present state with node i called name[i] and, if flip, the instances exchanged. */
static void rename_all(Named *to, const uchar *name, int flip)
{
    for (int k = 0; k < INSTANCES; k++) {
        int as = flip ? INSTANCES - 1 - k : k;
        to->etcd[as] = called(now.etcd[k], name);
        to->former[as] = called(now.former[k], name);
        for (int i = 0; i < NODES; i++) {
            int at = (i + 1) * INSTANCES + k;
            uchar *place = to->place[name[i]][as];
            place[0] = called(now.view[at], name);
            place[1] = now.unseen[at];
            place[2] = now.container[at];
            place[3] = now.request[at];
            place[4] = now.leaving[at];
            place[5] = now.beaten[at];
        }
    }
    for (int i = 0; i < NODES; i++) {
        to->lease[name[i]] = now.lease[i + 1];
        to->in_touch[name[i]] = now.in_touch[i + 1];
    }
}

static void take_over(const Named *from)
{
    for (int k = 0; k < INSTANCES; k++) {
        now.etcd[k] = from->etcd[k];
        now.former[k] = from->former[k];
        for (int i = 0; i < NODES; i++) {
            int at = (i + 1) * INSTANCES + k;
            const uchar *place = from->place[i][k];
            now.view[at] = place[0];
            now.unseen[at] = place[1];
            now.container[at] = place[2];
            now.request[at] = place[3];
            now.leaving[at] = place[4];
            now.beaten[at] = place[5];
        }
    }
    for (int i = 0; i < NODES; i++) {
        now.lease[i + 1] = from->lease[i];
        now.in_touch[i + 1] = from->in_touch[i];
    }
}

static void keep_smallest(void)
{
    static const uchar names[6][3] = {{0, 1, 2}, {1, 0, 2}, {0, 2, 1}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    Named smallest, other;

    rename_all(&smallest, names[0], 0);
    for (int turn = 0; turn < (NODES == 3 ? 6 : 2); turn++)
        for (int flip = 0; flip < INSTANCES; flip++) {
            rename_all(&other, names[turn], flip);
            if (memcmp(&other, &smallest, sizeof(Named)) < 0)
                smallest = other;
        }
    take_over(&smallest);
}
