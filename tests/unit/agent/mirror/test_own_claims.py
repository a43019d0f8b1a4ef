"""Claims that this node lost and nobody has taken: their instances stay as they were."""

from __future__ import annotations

from daprdockr.model.stored.revisioned import Claim
from tests.build.publish_case import WITH_HTTP, PublishCase, record
from tests.build.values import HTTP, KEYS, WEB, definition, instance


class OwnClaimTests(PublishCase):
    """Claims that ended with their lease: Note [A lease that ended]."""

    def setUp(self) -> None:
        super().setUp()
        self.change(self.defined(WITH_HTTP), self.claimed(1, record("a")), self.claimed(2, record("b", 20001)))

    def lose(self, number: int) -> None:
        self.change(self.gone(KEYS.claim(instance(number))))

    def lost(self) -> dict[int, Claim]:
        return dict(self.own_claims.lost(WEB))

    def test_own(self) -> None:
        """An own instance keeps its names and its route while nobody has claimed it."""
        before = self.routes
        self.lose(1)
        self.assertEqual((self.web, self.routes), ({"10.0.0.1", "10.0.0.2"}, before))
        self.assertEqual(list(self.lost()), [1])

    def test_not_running(self) -> None:
        """One whose container does not run is gone at once."""
        self.running = False
        self.lose(1)
        self.assertEqual(self.web, {"10.0.0.2"})

    def test_of_another_node(self) -> None:
        """Another node's instance is gone with its claim."""
        self.lose(2)
        self.assertEqual((self.web, self.lost()), ({"10.0.0.1"}, {}))

    def test_taken_again(self) -> None:
        """When this node has claimed it again, the new claim counts."""
        self.lose(1)
        self.change(self.claimed(1, record("a", healthy=False)))
        self.assertEqual((self.web, self.lost()), ({"10.0.0.2"}, {}))

    def test_taken_by_another(self) -> None:
        """When another node has claimed it, it is that node's, and stays lost when that one loses it."""
        self.lose(1)
        self.change(self.claimed(1, record("b")))
        self.assertEqual((self.web, self.lost()), ({"10.0.0.2"}, {}))
        self.lose(1)
        self.assertEqual(self.lost(), {})

    def test_scaled_down(self) -> None:
        """An instance that is not wanted any more is not waited for."""
        self.change(self.defined(definition(instances=0, Http=HTTP)))
        self.lose(1)
        self.assertEqual((self.web, self.lost()), (set(), {}))

    def test_deleted(self) -> None:
        """Nor is one of a service that is deleted."""
        self.lose(1)
        self.change(self.gone(KEYS.service(WEB)))
        self.assertEqual((self.web, self.lost()), (None, {}))
