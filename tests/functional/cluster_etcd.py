"""What stands in etcd, read through its JSON gateway: by no code of ours that could share a mistake with the agent."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Sequence

from tests.functional.cluster_network import CLIENT


def values(addresses: Sequence[str], prefix: str) -> dict[str, bytes]:
    """Values by key below a prefix that ends with a slash. :raises OSError: if no member at an address answers."""
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    wanted = json.dumps({"key": _packed(prefix), "range_end": _packed(end)}).encode()
    for address in addresses[:-1]:
        try:
            return _ask(address, wanted)
        except OSError:
            continue
    return _ask(addresses[-1], wanted)


def _ask(address: str, wanted: bytes) -> dict[str, bytes]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{address}:{CLIENT}/v3/kv/range", data=wanted, timeout=3) as answer:
        found = json.load(answer).get("kvs", [])
    return {base64.b64decode(kv["key"]).decode(): base64.b64decode(kv["value"]) for kv in found}


def _packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
