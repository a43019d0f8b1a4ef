"""The channel of a session at the peer listener, which keeps what is sent."""

from __future__ import annotations

from collections.abc import Callable

from daprdockr.model.frames import FrameKind


class SentFrames:
    """
    ``frames`` are those that were sent, ``over`` is how the session ended, and ``status`` what followed a refusal;
    ``input`` is what was done to its input.
    ``on_resume`` is called when that goes on: a channel then hands over, within the call, frames that it has read.
    """

    client = "192.0.2.1"

    def __init__(self) -> None:
        self.frames: list[tuple[FrameKind, bytes]] = []
        self.over = ""
        self.status = b""
        self.input: list[str] = []
        self.on_resume: Callable[[], object] = lambda: None

    def send(self, kind: FrameKind, content: bytes = b"") -> None:
        self.frames.append((kind, content))

    def finish(self, kind: FrameKind, content: bytes = b"") -> None:
        self.over = f"{kind.name} {content.decode()}"

    def abort(self) -> None:
        self.input.append("aborted")

    def refuse(self, reason: str, status: bytes = b"") -> None:
        self.over, self.status = reason, status

    def pauseInput(self) -> None:  # noqa: N802  as PeerChannel has it
        self.input.append("paused")

    def resumeInput(self) -> None:  # noqa: N802
        self.input.append("resumed")
        self.on_resume()
