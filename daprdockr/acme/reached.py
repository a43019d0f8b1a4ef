# -*- test-case-name: tests.unit.acme.test_reached,tests.functional.test_acme -*-
"""The question of an ACME server, asked beforehand: what answers on port 80 at an address. Blocking."""

from __future__ import annotations

import requests

PORT = 80
TIMEOUT = 3.0
MOST_BYTES = 1024


def ask_address(address: str, host_name: str, path: str, port: int = PORT) -> str:
    """Return the answer of a web server at an address for a host name; "": there is none, or it is no short text."""
    place = f"[{address}]" if ":" in address else address
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy would ask from elsewhere
            answer = session.get(
                f"http://{place}:{port}{path}",
                headers={"Host": host_name},
                timeout=TIMEOUT,
                stream=True,
                allow_redirects=False,
            )
            with answer:
                found: bytes = answer.raw.read(MOST_BYTES, decode_content=True)
                return found.decode("ascii", "replace") if answer.ok else ""
    except (requests.exceptions.RequestException, OSError):
        return ""
