# -*- test-case-name: tests.unit.etcd.test_errors -*-
"""gRPC's reports of failed TLS, in a sentence with the remedy. Pure; the texts come from gRPC and BoringSSL."""

from __future__ import annotations

import re

from daprdockr.etcd.address import Access

_ADDRESS = re.compile(r"ipv[46]:(\S+?:\d+): ")
"""The address that gRPC tried, in front of its error."""

_ITS_CERTIFICATE = (
    ("certificate has expired", "has expired: renew it (or the clock here is wrong)"),
    ("certificate is not yet valid", "is not valid yet: check the clocks there and here"),
    ("ostname Verification", "is for another name: write --etcd as the certificate names the member, or issue it anew"),
    ("certificate revoked", "was revoked: issue it anew"),
    (
        "CERTIFICATE_VERIFY_FAILED|certificate signature failure|BAD_SIGNATURE|self.signed",
        "is signed by an authority that --etcd-ca does not know: give --etcd-ca the certificate of that authority",
    ),
)
_CONNECTION = (
    (
        "security handshaker",
        "the files of --etcd-ca, --etcd-cert and --etcd-key cannot be used: they have to be PEM, and the key that of "
        "the certificate",
    ),
    (
        "Unwrap failed|ALERT|CERTIFICATE_REQUIRED",
        "{url} does not take our certificate: check that --etcd-cert is there, has not expired, and is signed by the "
        "authority that the members know (--trusted-ca-file)",
    ),
    # A handshake that we gave up ("Endpoint closing") had no answer at all, as from a member that waits for the others.
    (
        r"WRONG_VERSION_NUMBER|Handshake read failed \(Socket closed",
        "{url} does not speak TLS: write http://, or give the member certificates",
    ),
)


def tls_failure(reason: str, access: Access) -> str:
    """Return what is wrong with TLS in one sentence; "" if nothing is."""
    if not access.secure:
        return ""
    found = _ADDRESS.search(reason)
    url = f"https://{found[1]}" if found and len(access.endpoints) > 1 else str(access)
    for pattern, text in _ITS_CERTIFICATE:
        if re.search(pattern, reason):
            return f"the certificate of {url} {text}"
    for pattern, text in _CONNECTION:
        if re.search(pattern, reason):
            return text.format(url=url)
    return ""
