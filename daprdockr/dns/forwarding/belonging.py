"""
Which records of an upstream's reply belong to its question (RFC 2181 section 5.4.1, RFC 5452 section 6). Pure.

These belong to it: in the answer the aliases that lead from the name in the question to the next, CNAME records and the
DNAME records they were made from, and at the last name the records of the type in question. Where these are missing: in
the authority section the SOA and NS records of zones that the last name lies in. For clients that validate, also the
signatures of all these, and signed NSEC and NSEC3 records of zones that a name of the answer lies in. Nothing of the
additional section belongs: the server was not asked for the addresses of other names there.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from daprdockr.dns.message.names import Names, upward
from daprdockr.dns.message.query import MAX_NAME
from daprdockr.dns.message.records import ANY, NS, SOA
from daprdockr.dns.message.wire import RecordAt

MAX_ALIASES = 32
"""The most aliases of one answer; records behind more are not examined."""
_CNAME = 5
_DNAME = 39
_RRSIG = 46
_NSEC = 47
_NSEC3 = 50
_SIGNER_AT = 18
"""Octets before the signer's name in an RRSIG record's data (RFC 4034 section 3.1)."""
_ANSWER, _AUTHORITY = 0, 1

_Set = tuple[bytes, int]
"""A set of records by its owner in lower case, and its type."""


class Belonging:
    """The records of one reply that belong to its question."""

    def __init__(self, packet: bytes, question: bytes, records: Sequence[RecordAt]) -> None:
        """
        :param question: the question section.
        :raises Malformed: a name is impossible.
        """
        self._packet = packet
        self._names = Names(packet)
        self._kind, klass = struct.unpack("!HH", question[-4:])
        mine = [record for record in records if record.section <= _AUTHORITY and record.klass == klass]
        self._owned = [(self._names.at(record.start).lower(), record) for record in mine]
        self._aliases = {
            (owner, record.type): self._names.at(record.data).lower()
            for owner, record in reversed(self._owned)
            if record.section == _ANSWER and record.type in (_CNAME, _DNAME)
        }
        self._present = {(owner, record.type) for owner, record in self._owned if record.section == _ANSWER}
        self._used: set[_Set] = set()
        self._chain = self._follow(question[:-4].lower())

    def records(self) -> list[RecordAt]:
        """Return the records that belong, in their order."""
        last = self._chain[-1]
        answers = self._used | {(last, self._kind)}
        authority = self._denials()
        if not self._answered(last):
            authority |= {(zone, kind) for zone in upward(last) for kind in (SOA, NS)}
        wanted = (answers, authority)
        return [record for owner, record in self._owned if self._is_one(owner, record, wanted[record.section])]

    @property
    def denies(self) -> bool:
        """Whether the reply has no record of the type in question, at the name that the last alias leads to."""
        last = self._chain[-1]
        kinds = [kind for owner, kind in self._present if owner == last]
        return not kinds if self._kind == ANY else self._kind not in kinds

    def _is_one(self, owner: bytes, record: RecordAt, wanted: set[_Set]) -> bool:
        if (owner, record.type) in wanted or (record.type == _RRSIG and (owner, self._covered(record)) in wanted):
            return True
        return self._kind == ANY and record.section == _ANSWER and owner == self._chain[-1]

    def _follow(self, name: bytes) -> list[bytes]:
        """Return the names from the one in the question to the one whose records answer, each an alias of the next."""
        chain = [name]
        while len(chain) <= MAX_ALIASES and not self._answered(chain[-1]):
            target = self._alias(chain[-1])
            if target is None or target in chain:
                break
            chain.append(target)
        return chain

    def _answered(self, name: bytes) -> bool:
        return self._kind == ANY or (name, self._kind) in self._present

    def _alias(self, name: bytes) -> bytes | None:
        """Return the target of an alias; the records that state it are added to ``_used``."""
        target = self._aliases.get((name, _CNAME))
        if target is not None:
            self._used.add((name, _CNAME))
        for above in upward(name)[1:] if self._aliases else ():
            end = self._aliases.get((above, _DNAME))
            if end is None:
                continue
            substitute = name[: len(name) - len(above)] + end
            if len(substitute) <= MAX_NAME and target in (None, substitute):
                self._used.add((above, _DNAME))
                return substitute
        return target

    def _denials(self) -> set[_Set]:
        """Return the proofs of absence, by zones that names of the chain lie in."""
        zones = {zone for name in self._chain for zone in upward(name)}
        found = set()
        for owner, record in self._owned:
            if record.section != _AUTHORITY or record.type != _RRSIG or record.end - record.data <= _SIGNER_AT:
                continue
            signer, covered = self._names.at(record.data + _SIGNER_AT).lower(), self._covered(record)
            if covered in (_NSEC, _NSEC3) and signer in zones and signer in upward(owner):
                found.add((owner, covered))
        return found

    def _covered(self, record: RecordAt) -> int:
        """Return the type of the records that an RRSIG record signs."""
        return int.from_bytes(self._packet[record.data : min(record.data + 2, record.end)])
