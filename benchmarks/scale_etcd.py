"""The counters of etcd itself: its metrics page (etcd's operations guide, "Metrics"), summed over the members."""

from __future__ import annotations

import re
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping

_SAMPLE = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>[^}]*)\})? (?P<value>[0-9.e+-]+)$", re.MULTILINE)
_METHOD = re.compile(r'grpc_method="(?P<method>\w+)"')

STREAM_METHODS = ("LeaseKeepAlive", "Watch")
PROPOSALS = "etcd_server_proposals_applied_total"
CPU = "process_cpu_seconds_total"


def asked(urls: Iterable[str]) -> Counter[str]:
    """
    Requests that each method got, and of all members ``PROPOSALS``, what was written to the log, and ``CPU``, seconds.

    All members write the log alike: it is counted once. Of streams the messages that came in are counted.
    """
    pages = [_page(url) for url in urls]
    found = sum((requests(page) for page in pages), Counter())
    found[PROPOSALS] = max(int(_value(page, PROPOSALS)) for page in pages)
    return found


def processor_time(urls: Iterable[str]) -> float:
    """Seconds, of all members."""
    return sum(_value(_page(url), CPU) for url in urls)


def requests(page: str) -> Counter[str]:
    """The requests in one metrics page, by method."""
    found: Counter[str] = Counter()
    for sample in _SAMPLE.finditer(page):
        method = _METHOD.search(sample["labels"] or "")
        if method is None:
            continue
        stream = method["method"] in STREAM_METHODS
        if sample["name"] == ("grpc_server_msg_received_total" if stream else "grpc_server_started_total"):
            found[method["method"]] += int(float(sample["value"]))
    return found


def _value(page: str, name: str) -> float:
    return sum(float(sample["value"]) for sample in _SAMPLE.finditer(page) if sample["name"] == name)


def _page(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url + "/metrics", timeout=10) as answer:
        return str(answer.read(), "utf-8")


def compared(counted: Mapping[str, int], told: Mapping[str, int]) -> str:
    """Ours beside etcd's, for the methods that both count."""
    return ", ".join(f"{method} {counted[method]} / {told[method]}" for method in counted)
