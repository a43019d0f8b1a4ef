"""The volumes of a node: which are sent, and with which users."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.streams import EngineStreams
from daprdockr.model.errors import BadInput
from daprdockr.model.frames import FrameKind
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import ServiceName
from daprdockr.model.node_volumes import MOST_VOLUMES, NodeVolume, read_volumes, write_volumes
from daprdockr.peer.channel import PeerChannel
from daprdockr.peer.on_this_node import OnThisNode
from daprdockr.peer.volumes import VolumesSession
from tests.build.values import KEYS
from tests.fakes.peer_channel import SentFrames

VOLUMES = {"Volumes": [{"Name": "data"}, {"Name": "old"}, {"Name": "5f" * 32}]}


def mounting(name: str, *volumes: str, **labels: str) -> dict[str, Any]:
    mounts = [{"Type": "volume", "Name": volume} for volume in volumes]
    return {
        "Names": [f"/{name}"],
        "Labels": {f"io.daprdockr.{key}": value for key, value in labels.items()},
        "Mounts": mounts,
    }


class VolumesTests(SynchronousTestCase):
    volumes: Any = VOLUMES

    def of(self, service: ServiceName) -> dict[int, Any]:
        return {}

    async def ask(self, doing: str, method: str, path: str, body: object = None) -> Any:
        if path == "/volumes":
            return self.volumes
        return [
            mounting("x", "data", instance="1.db.myapp"),
            mounting("tool", "data", "5f" * 32),
            mounting("made", "old", archive="/daprdockr/a"),
            {"Names": ["/bare"]},
            {**mounting("", "gone"), "Names": None, "Id": "0a1b2c3d4e5f" * 5},
        ]

    def answered(self) -> list[NodeVolume]:
        channel = SentFrames()
        here = OnThisNode("a", self, Cluster(KEYS), cast(EngineStreams, self), lambda *event: None)
        session = VolumesSession(cast(PeerChannel, channel), here)
        self.successResultOf(Deferred.fromCoroutine(session.begin()))
        for each in (session.pause, session.resume, session.gone):
            each()
        self.assertRaises(BadInput, session.frame, FrameKind.INPUT, b"")
        (first, _), (kind, content) = channel.frames
        self.assertEqual((first, kind, channel.over), (FrameKind.ACCEPTED, FrameKind.OUTPUT, "STATUS 0"))
        return read_volumes(content)

    def test_named(self) -> None:
        """Volumes with a name are sent, each with the instances and other containers that mount it."""
        self.assertEqual(self.answered(), [NodeVolume("data", ("1.db.myapp", "tool")), NodeVolume("old")])

    def test_nameless(self) -> None:
        """A container that is being removed may have no name: its id stands for that."""
        self.volumes = {"Volumes": [{"Name": "gone"}]}
        self.assertEqual(self.answered(), [NodeVolume("gone", ("0a1b2c3d4e5f",))])

    def test_none(self) -> None:
        """An Engine without volumes gives null."""
        self.volumes = {"Volumes": None}
        self.assertEqual(self.answered(), [])

    def test_bounded(self) -> None:
        """Of very many the first are sent; an answer that is none is refused."""
        many = [NodeVolume(f"v{number:05d}" + "x" * 200, ("1.db.myapp",)) for number in range(MOST_VOLUMES + 1)]
        self.assertEqual(len(read_volumes(write_volumes(many))), MOST_VOLUMES)
        for data in (b"[]", b'{"Volumes": 1}', b'{"Volumes": [1]}', b"x"):
            self.assertRaises(BadInput, read_volumes, data)
