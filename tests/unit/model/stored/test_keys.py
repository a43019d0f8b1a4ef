"""The keys: each name has one, each of our keys names one thing, and nothing else passes for ours."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.mirrored_keys import (
    CertificateKey,
    ChallengeKey,
    CordonKey,
    FileKey,
    IdentityKey,
    NodeKey,
    PauseKey,
    RolloutKey,
    SlotKey,
    SuccessorKey,
)
from daprdockr.model.stored.volume import VolumeKey
from tests.build.strategies import INSTANCE_NAMES, LABELS, SERVICE_NAMES
from tests.build.values import KEYS

PARTS = st.one_of(
    st.sampled_from(
        [
            *("services", "instances", "nodes", "cordons", "pauses", "rollouts", "events", "files"),
            *("next", "", "..", "1", "0", "10001"),
        ]
    ),
    LABELS,
    st.text(max_size=5),
)
NAMED = st.one_of(
    SERVICE_NAMES.map(KEYS.service), INSTANCE_NAMES.map(KEYS.claim), LABELS.map(KEYS.node), LABELS.map(KEYS.cordon)
)
"""Keys that name something."""


class KeysTests(SynchronousTestCase):
    def test_layout(self) -> None:
        """The layout is the one that agents of all versions share."""
        instance = InstanceName.parse("2.web.myapp")
        self.assertEqual(KEYS.service(instance.service), "/daprdockr/services/myapp/web")
        self.assertEqual(KEYS.claim(instance), "/daprdockr/instances/myapp/web/2")
        self.assertEqual(KEYS.node("a"), "/daprdockr/nodes/a")
        self.assertEqual(KEYS.cordon("a"), "/daprdockr/cordons/a")
        self.assertEqual(KEYS.pause(instance.service), "/daprdockr/pauses/myapp/web")
        self.assertEqual(KEYS.revision(instance.service, 12), "/daprdockr/history/myapp/web/12")
        self.assertEqual(KEYS.rollout(instance.service), "/daprdockr/rollouts/myapp/web")
        self.assertEqual((KEYS.file("x"), KEYS.content("x")), ("/daprdockr/files/x", "/daprdockr/contents/x"))
        self.assertEqual(KEYS.session("5f"), "/daprdockr/sessions/5f")
        self.assertEqual(KEYS.event("a", 7), "/daprdockr/events/00000000000000000007-a")

    @given(SERVICE_NAMES, INSTANCE_NAMES, LABELS)
    def test_reads_what_it_writes(self, service: ServiceName, instance: InstanceName, node: str) -> None:
        """Each key reads as the name it was made from."""
        for keys in (KEYS, Keys("/a/services")):
            self.assertEqual(keys.read(keys.service(service)), service)
            self.assertEqual(keys.read(keys.claim(instance)), instance)
            self.assertEqual(keys.read(keys.node(node)), NodeKey(node))
            self.assertEqual(keys.read(keys.cordon(node)), CordonKey(node))
            self.assertEqual(keys.read(keys.pause(service)), PauseKey(service))
            self.assertEqual(keys.read(keys.file(node)), FileKey(node))
            self.assertIsNone(keys.read(keys.content(node)))

    def test_what_others_read(self) -> None:
        """Events, revisions, and what a newer agent may write below a claim name nothing here."""
        others = (
            "events/1-a",
            "history/myapp/web/1",
            "rollouts/myapp/web/slots/x",
            "instances/myapp/web/x",
            "novelty",
            "",
        )
        for key in others:
            self.assertIsNone(KEYS.read(KEYS.root + key), key)

    @given(SERVICE_NAMES, INSTANCE_NAMES, LABELS)
    def test_mirrored(self, service: ServiceName, instance: InstanceName, node: str) -> None:
        """All keys that name something here are asked for; events, which change often, and revisions are not."""
        named = {
            KEYS.service(service): service,
            KEYS.claim(instance): instance,
            KEYS.successor(instance): SuccessorKey(instance),
            KEYS.volumes(instance): VolumeKey(instance),
            KEYS.slot(service, 2): SlotKey(service, 2),
            KEYS.rollout(service): RolloutKey(service),
            KEYS.node(node): NodeKey(node),
            KEYS.cordon(node): CordonKey(node),
            KEYS.pause(service): PauseKey(service),
            KEYS.certificate("*.example.com"): CertificateKey("*.example.com"),
            KEYS.identity: IdentityKey(),
            KEYS.challenge: ChallengeKey(),
        }
        for key, name in named.items():
            self.assertEqual((KEYS.read(key), key.startswith(KEYS.mirrored)), (name, True))
        sealed = KEYS.sealed_secret("password"), KEYS.sealed_certificate("example.com"), KEYS.renewer
        for key in (KEYS.event(node, 1), KEYS.revision(service, 1), KEYS.renewal("a.test"), *sealed):
            self.assertFalse(key.startswith(KEYS.mirrored))

    def test_broken_keys(self) -> None:
        """A key in one of our places whose parts are no names is bad input."""
        broken = ("services/web", "services/a/b/c", "services/A/b", "services//b", "nodes/", "nodes/a/b", "cordons/A b")
        pauses = ("pauses/web", "pauses/a/b/c", "pauses/A/b")
        certificates = ("certificates/", "certificates/a/b", "certificates/Example.com", "certificates/a b")
        for key in (*broken, *pauses, *certificates, "instances/A/web/1", "instances/myapp/web/10001"):
            self.assertRaises(BadInput, KEYS.read, KEYS.root + key)

    @given(NAMED, st.integers(0, 4), st.lists(PARTS, max_size=2))
    def test_any_key(self, named: str, place: int, others: list[str]) -> None:
        """A key names the thing that has that very key, or nothing, or is bad input, reported in one line."""
        parts = named.removeprefix(KEYS.root).split("/")
        key = KEYS.root + "/".join([*parts[:place], *others, *parts[place + 1 :]])
        try:
            match KEYS.read(key):
                case ServiceName() as service:
                    self.assertEqual(KEYS.service(service), key)
                case InstanceName() as instance:
                    self.assertEqual(KEYS.claim(instance), key)
                case NodeKey(node):
                    self.assertEqual(KEYS.node(node), key)
                case CordonKey(node):
                    self.assertEqual(KEYS.cordon(node), key)
        except BadInput as error:
            self.assertTrue(str(error).isprintable(), str(error))

    def test_bad_prefixes(self) -> None:
        """A prefix is a path of plain words."""
        for prefix in ("", "/", "daprdockr", "/a/", "//a", "/a b", "/a\n", "/" + "x" * 64, "/a" * 9, "/é"):
            self.assertRaises(BadInput, Keys, prefix)

    def test_events_sort_by_time(self) -> None:
        """Keys of events sort in the order of their numbers."""
        self.assertLess(KEYS.event("z", 9), KEYS.event("a", 10))
