# -*- test-case-name: tests.unit.planning.test_plan -*-
"""The object of a step: steps about one and the same object are carried out one after another."""

from __future__ import annotations

from attrs import frozen

from daprdockr.model.names import InstanceName, ServiceName

IMAGE = "image"


@frozen
class Lane:
    """
    The object that two steps must not work on at the same time: an instance's "claim", "container" or "slot" in a
    rollout, the "files" that its container has mounted, the record of its "volumes", a "run", or an "image". The
    "start" of an instance is a lane beside that of a container: Note [One start at a time] in ``container_steps``.

    ``generation`` is the digest of the definition a container was made from, which distinguishes the copies of an
    instance; "" where that is unknown.
    """

    kind: str
    subject: InstanceName | str
    generation: str = ""

    @property
    def about(self) -> ServiceName | str:
        """The service, or the reference of an image, that the lane is about."""
        return self.subject.service if isinstance(self.subject, InstanceName) else self.subject


class InLane:
    """A step about one object. Most occupy the lane of that object alone."""

    __slots__ = ()

    @property
    def lane(self) -> Lane:
        raise NotImplementedError

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """All that the step occupies."""
        return (self.lane,)
