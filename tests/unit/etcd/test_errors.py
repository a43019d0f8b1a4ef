"""Tests for daprdockr.etcd.errors."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.address import Access
from daprdockr.etcd.errors import classed, is_lost_token, is_never_sent, is_unreachable
from daprdockr.model.errors import (
    EtcdForbidden,
    EtcdHistoryLost,
    EtcdReadOnly,
    EtcdRefused,
    EtcdTooLarge,
    EtcdUnavailable,
)
from tests.fakes.failed_call import Code, FailedCall

ACCESS = Access.parse("http://a:1,http://b:2")


class ClassedTests(SynchronousTestCase):
    """``classed``."""

    def test_classes(self) -> None:
        """Each status that etcd and gRPC use has its class."""
        for code, details, expected in (
            (Code.UNAVAILABLE, "etcdserver: no leader", EtcdUnavailable),
            (Code.UNAVAILABLE, "failed to connect to all addresses", EtcdUnavailable),
            (Code.DEADLINE_EXCEEDED, "Deadline Exceeded", EtcdUnavailable),
            (Code.CANCELLED, "Channel closed!", EtcdUnavailable),
            (Code.UNKNOWN, "context deadline exceeded", EtcdUnavailable),
            (Code.INTERNAL, "stream terminated", EtcdUnavailable),
            (Code.RESOURCE_EXHAUSTED, "etcdserver: too many requests", EtcdUnavailable),
            (Code.RESOURCE_EXHAUSTED, "Received message larger than max (5 vs. 4)", EtcdTooLarge),
            (Code.RESOURCE_EXHAUSTED, "grpc: received message larger than max (5 vs. 4)", EtcdRefused),
            (Code.INVALID_ARGUMENT, "etcdserver: request is too large", EtcdRefused),
            (Code.NOT_FOUND, "etcdserver: requested lease not found", EtcdRefused),
            (Code.PERMISSION_DENIED, "etcdserver: permission denied", EtcdForbidden),
            (Code.UNAUTHENTICATED, "etcdserver: invalid auth token", EtcdForbidden),
            (Code.FAILED_PRECONDITION, "etcdserver: authentication is not enabled", EtcdForbidden),
            (Code.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted", EtcdHistoryLost),
        ):
            error = classed(FailedCall(code, details), ACCESS)
            self.assertIs(type(error), expected, details)
            self.assertIn(details.removeprefix("etcdserver: "), str(error))

    def test_remedies(self) -> None:
        """A fault that a person has to mend is reported with the remedy."""
        for code, details, expected, remedy in (
            (Code.RESOURCE_EXHAUSTED, "mvcc: database space exceeded", EtcdReadOnly, "etcdctl alarm disarm"),
            (Code.DATA_LOSS, "corrupt cluster", EtcdReadOnly, "replace the member"),
            (Code.INVALID_ARGUMENT, "user name is empty", EtcdForbidden, "give --etcd-user"),
            (Code.PERMISSION_DENIED, "permission denied", EtcdForbidden, "and operator to change something"),
            (
                Code.UNAUTHENTICATED,
                "authentication failed, invalid user ID or password",
                EtcdForbidden,
                "password-file",
            ),
            (Code.FAILED_PRECONDITION, "authentication is not enabled", EtcdForbidden, "leave out --etcd-user"),
            (Code.UNKNOWN, "auth: permission denied", EtcdForbidden, "this takes its user root"),
        ):
            error = classed(FailedCall(code, f"etcdserver: {details}"), evolve(ACCESS, user="ag", password="x"))
            self.assertIs(type(error), expected, details)
            self.assertIn(remedy, str(error))

    def test_handshake(self) -> None:
        """A handshake that failed points at the certificates."""
        tls = "UNKNOWN: ipv4:10.0.0.1:1: Tls handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: "
        tls += "error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: "
        for said, words in (
            (tls + "certificate has expired: OK", "the certificate of https://a:1 has expired"),
            (tls + "unable to get local issuer certificate: OK", "signed by an authority that --etcd-ca does not know"),
            ("error:1a000064:ECDSA routines:OPENSSL_internal:BAD_SIGNATURE: certificate", "--etcd-ca does not know"),
            ("Custom verification check failed with error: Hostname Verification Check failed.", "for another name"),
            ("UNAVAILABLE: ipv4:10.0.0.1:1: Unwrap failed (TSI_DATA_CORRUPTED)", "does not take our certificate"),
            ("UNKNOWN: ipv4:10.0.0.1:1: Failed to create security handshaker.", "the key that of the certificate"),
            ("UNAVAILABLE: ipv4:10.0.0.1:1: Handshake read failed (Socket closed)", "https://a:1 does not speak TLS"),
        ):
            failed = FailedCall(Code.UNAVAILABLE, f"failed to connect to all addresses; last error: {said}")
            text = str(classed(failed, Access.parse("https://a:1")))
            self.assertIn(words, text)
            self.assertNotIn("OPENSSL", text)
        several = Access.parse("https://a:1,https://b:1")
        failed = FailedCall(Code.UNAVAILABLE, tls + "certificate has expired")
        self.assertIn("the certificate of https://10.0.0.1:1 has expired", str(classed(failed, several)))

    def test_refused_connection(self) -> None:
        """A person reads which address refused the connection, without the notation of gRPC."""
        for place, shown in (("ipv4:10.0.0.1:1", "10.0.0.1:1"), ("ipv6:%5Bfd00::1%5D:1", "[fd00::1]:1")):
            said = f"UNKNOWN: {place}: Failed to connect to remote host: Connection refused"
            failed = FailedCall(Code.UNAVAILABLE, f"failed to connect to all addresses; last error: {said}")
            text = str(classed(failed, Access.parse("http://a:1,http://b:1")))
            self.assertIn(f"({shown}: Failed to connect to remote host: Connection refused): check", text)

    def test_no_handshake(self) -> None:
        """A member that answers nothing, because it waits for others, or that dies, is not called one without TLS."""
        for said in ("Endpoint closing", "recvmsg:Connection reset by peer (104)"):
            failed = FailedCall(Code.UNAVAILABLE, f"UNAVAILABLE: ipv4:10.0.0.1:1: Handshake read failed ({said})")
            text = str(classed(failed, Access.parse("https://a:1")))
            self.assertIn("etcd did not answer at https://a:1", text)
            self.assertIn("check that it runs there and has a quorum", text)

    def test_endpoints_are_named(self) -> None:
        """When nobody answered, the line names the endpoints that were asked."""
        self.assertIn("http://a:1, http://b:2", str(classed(FailedCall(Code.UNAVAILABLE), ACCESS)))

    def test_plain_text_to_tls(self) -> None:
        """Silence in plain text suggests TLS."""
        error = FailedCall(Code.DEADLINE_EXCEEDED, "Deadline Exceeded")
        self.assertIn("https://", str(classed(error, Access.parse("http://a:1"))))
        self.assertNotIn("speaks TLS", str(classed(error, Access.parse("https://a:1"))))

    def test_one_line(self) -> None:
        """Long, broken or missing details give one bounded line."""
        for details in ("a\nb\x1b[0m\r" * 200, None, ""):
            text = str(classed(FailedCall(Code.INTERNAL, details), ACCESS))
            self.assertLess(len(text), 500)
            self.assertTrue(text.isprintable(), text)

    def test_closed_channel(self) -> None:
        """gRPC's ValueError for a closed channel is unavailability."""
        self.assertIsInstance(classed(ValueError("Cannot invoke RPC on closed channel!"), ACCESS), EtcdUnavailable)


class QuestionTests(SynchronousTestCase):
    """Errors, and the steps that are possible after them."""

    def test_lost_token(self) -> None:
        """A forgotten token is distinguished from other refusals."""
        self.assertTrue(is_lost_token(FailedCall(Code.UNAUTHENTICATED, "etcdserver: invalid auth token")))
        self.assertTrue(is_lost_token(FailedCall(Code.INVALID_ARGUMENT, "etcdserver: revision of auth store is old")))
        self.assertFalse(is_lost_token(FailedCall(Code.PERMISSION_DENIED, "etcdserver: permission denied")))
        self.assertFalse(is_lost_token(ValueError("invalid auth token")))

    def test_never_sent(self) -> None:
        """Only a connection that never was proves that nothing was sent."""
        unconnected = FailedCall(Code.UNAVAILABLE, "failed to connect to all addresses; last error: refused")
        self.assertTrue(is_never_sent(unconnected))
        self.assertTrue(is_unreachable(unconnected))
        self.assertFalse(is_never_sent(FailedCall(Code.UNAVAILABLE, "Socket closed")))
        self.assertFalse(is_unreachable(FailedCall(Code.INTERNAL, "failed to connect to all addresses")))
