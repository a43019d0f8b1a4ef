"""Which resolvers a container gets, for each combination of families on its host and on its network."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import EngineNetwork
from daprdockr.planning.keeping.resolvers import Resolvers, resolvers
from tests.build.values import definition

V4, V6, OTHER = "10.0.0.1", "fd00::1", "fd00::2"
NETWORKS = (
    EngineNetwork("bridge", "b0", frozenset({4})),
    EngineNetwork("both", "b1", frozenset({4, 6})),
    EngineNetwork("new", "b2", frozenset({6})),
    EngineNetwork("bare", "b3", frozenset()),
)
TABLE = [
    # addresses of DNS, and what containers get on the networks bridge, both, new and bare
    ((V4,), ((V4,), (V4,), (), ())),
    ((V6,), ((), (V6,), (V6,), ())),
    ((V4, V6), ((V4,), (V4, V6), (V6,), ())),
    ((V6, V4), ((V4,), (V6, V4), (V6,), ())),
    ((V6, OTHER), ((), (V6, OTHER), (V6, OTHER), ())),
    ((), ((), (), (), ())),
]


def found(addresses: tuple[str, ...], **container: object) -> Resolvers:
    return resolvers(definition(Container=container), addresses, NETWORKS)


class ResolversTests(SynchronousTestCase):
    """``resolvers``"""

    def test_table(self) -> None:
        """A container gets the resolvers of its network's families, in their order; where it gets none that is said."""
        for addresses, row in TABLE:
            for network, wanted in zip(NETWORKS, row, strict=True):
                given = found(addresses, NetworkMode=network.name)
                self.assertEqual(wanted, given.addresses, (addresses, network))
                self.assertEqual(bool(addresses and not wanted), bool(given.lacking), (addresses, network))

    def test_named(self) -> None:
        """A network is known by its name and its id, and without one it is the Engine's own."""
        for name in ("bridge", "default", "b0"):
            self.assertEqual((V4,), found((V6, V4), NetworkMode=name).addresses, name)
        self.assertEqual((V4,), found((V6, V4)).addresses)

    def test_unknown(self) -> None:
        """On a network that nobody knows yet a container gets all of them."""
        self.assertEqual(Resolvers((V6, V4)), found((V6, V4), NetworkMode="later"))

    def test_own(self) -> None:
        """Nothing is lacking where the definition names resolvers itself."""
        self.assertEqual(Resolvers(), found((V6,), Dns=["192.0.2.1"]))
        self.assertTrue(found((V6,), Dns=[]).lacking)

    def test_reason(self) -> None:
        """The reason names what is lacking, with the remedy."""
        self.assertEqual(
            "containers on network bridge cannot ask this node's DNS, which has IPv6 alone: give --host an address of"
            " the other family, or that network IPv6",
            found((V6,)).lacking,
        )
