# -*- test-case-name: tests.unit.agent.membership.test_etcd_certificates -*-
"""
The certificates with which this node reaches etcd: when their files change, and until when they are valid. All nodes
often have theirs since the same day, and would lose etcd together.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import define, field, frozen

from daprdockr.etcd.address import Access
from daprdockr.etcd.credentials import fingerprint
from daprdockr.model.errors import BadInput
from daprdockr.process.given import read_given
from daprdockr.sealing.certificates import ends


@frozen
class EtcdCertificates:
    """
    :ivar mark: bytes that change with the contents of the files; b"": they cannot be used.
    :ivar ends: until when they are valid in wall-clock seconds: ``client`` is the node's own certificate, ``authority``
        the last of those that etcd's certificate may be signed by.
    """

    mark: bytes = b""
    ends: Mapping[str, float] = field(factory=dict)


@define
class EtcdCertificateFiles:
    """The files are read each time, and the certificates parsed when they have changed."""

    access: Access
    _last: EtcdCertificates = field(init=False, factory=EtcdCertificates)

    def read(self) -> EtcdCertificates:
        """
        :raises OSError: a file cannot be read.
        :raises BadInput: certificate and key do not match, as between two renewals.
        """
        mark = fingerprint(self.access)
        if mark != self._last.mark:
            self._last = EtcdCertificates(mark, self._ends())
        return self._last

    def _ends(self) -> dict[str, float]:
        counting = {"client": _ends(self.access.cert)[:1], "authority": _ends(self.access.ca)}
        return {role: max(found) for role, found in counting.items() if found}


def _ends(path: Path | None) -> tuple[float, ...]:
    """Return when the certificates of a file end; none if only gRPC, which is less strict, can read them."""
    try:
        return () if path is None else ends(read_given(path))
    except BadInput:
        return ()
