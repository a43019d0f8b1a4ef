# -*- test-case-name: tests.unit.etcd.test_errors,tests.unit.engine.test_failures -*-
"""Every error daprdockr raises on purpose. The text of an error is one line that says what to do."""

from __future__ import annotations

import errno

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""The errno values of a call that this host has no file descriptor or memory left for."""


class DaprdockrError(Exception):
    """The root of all errors below."""


class BadInput(DaprdockrError):
    """A value from a person or another program cannot be used; the text names the part and the remedy."""


class NotFound(DaprdockrError):
    """The requested object does not exist."""


class EtcdError(DaprdockrError):
    """A request to etcd failed. The subclasses below say what that means."""


class EtcdUnavailable(EtcdError):
    """
    No endpoint answered in time; the same call may succeed later. A write may have happened.

    :ivar sent: whether the request may have reached a member. False: none could be connected to.
    """

    def __init__(self, text: str, *, sent: bool = True) -> None:
        super().__init__(text)
        self.sent = sent


class EtcdRefused(EtcdError):
    """etcd answered and refused (authentication, permission, size, wrong argument); a retry cannot succeed."""


class EtcdReadOnly(EtcdRefused):
    """
    etcd takes no writes from any client until a person repairs it (its database is full, or its members disagree).
    """


class EtcdForbidden(EtcdRefused):
    """etcd does not permit this user the request, or does not know the user."""


class EtcdTooLarge(EtcdRefused):
    """An answer exceeded our limit: request less."""


class EtcdHistoryLost(EtcdError):
    """The requested revision is compacted, or lies in the future, or the cluster is another one: list again."""


class EngineError(DaprdockrError):
    """A request to the Docker Engine failed. The subclasses below say what that means."""


class EngineUnavailable(EngineError):
    """The Docker Engine could not be reached or did not answer in time; the same call may succeed later."""


class EngineRefused(EngineError):
    """The Docker Engine answered and refused (bad field, port taken, image cannot start)."""


class PortTaken(EngineRefused):
    """``port`` of this host is held by another program, known only to the Engine."""

    def __init__(self, text: str, port: int) -> None:
        super().__init__(text)
        self.port = port


class EngineSilent(EngineUnavailable):
    """The Docker Engine accepted the call and did not answer it in time."""


class EngineFailed(EngineRefused):
    """
    The Docker Engine answered that it failed: a fault of its host, or of a definition that names something absent. One
    such error alone says nothing about the host; several services that fail this way do.
    """


class NameTaken(EngineRefused):
    """Another container, of whatever owner, has the name."""


class ContainerAbsent(EngineError):
    """The container does not exist, or not any more."""


class ImageAbsent(EngineError):
    """The image is not on this host."""


class PullFailed(EngineError):
    """The image could not be pulled; the text is the registry's or the Engine's own."""


class ImageRefused(PullFailed):
    """The registry answered that it has no such image, or does not give it to this host."""


class DiskError(DaprdockrError):
    """A file could not be written: the disk is full, or fails. The same write may succeed later."""


class ProxyError(DaprdockrError):
    """nginx is not there, refused a configuration, or did not take it up; the text is nginx's own if it gave one."""


class AcmeError(DaprdockrError):
    """
    A request to an ACME server failed.

    :ivar retry_after: seconds for which the server wants no further attempt; 0: it did not say.
    """

    def __init__(self, text: str, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class AcmeUnavailable(AcmeError):
    """The ACME server did not answer in time, or with something that is no answer of such a server."""


class AcmeRefused(AcmeError):
    """
    The ACME server answered and refused.

    :ivar code: the kind of the problem, such as ``rateLimited`` (RFC 8555, 6.7).
    """

    def __init__(self, text: str, code: str = "", retry_after: float = 0.0) -> None:
        super().__init__(text, retry_after)
        self.code = code


class OrderLost(AcmeRefused):
    """No certificate will come of this order: the next attempt begins another one."""
