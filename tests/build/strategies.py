"""Hypothesis strategies for the values of the model: names, definitions as a person writes them, records, JSON."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from daprdockr.model.host import Port
from daprdockr.model.names import MAX_INSTANCES, InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.node import NodeRecord, Progress
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.routed_ports import RoutedPorts

_INNER = string.ascii_lowercase + string.digits
WORDS = st.text(string.ascii_letters + string.digits, min_size=1, max_size=12)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
PRINTABLE = st.text(string.printable[:95], max_size=20)
SECONDS = st.one_of(st.integers(1, 300), st.floats(1, 300, allow_nan=False))

LABELS = st.one_of(
    st.sampled_from(["web", "api", "a", "0", "x" * 63]),
    st.builds("{}{}{}".format, st.sampled_from(_INNER), st.text(_INNER + "-", max_size=8), st.sampled_from(_INNER)),
)
SERVICE_NAMES = st.builds(ServiceName, group=LABELS, service=LABELS)
INSTANCE_NAMES = st.builds(InstanceName, service=SERVICE_NAMES, number=st.integers(1, MAX_INSTANCES))

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS, st.just("")
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)
"""Anything JSON can say."""
ANYTHING = st.one_of(st.binary(max_size=60), JSON.map(lambda value: json.dumps(value).encode()))
"""Any bytes, many of them JSON."""

_PORT_NUMBERS = st.integers(1, 65535)
_PORT = st.one_of(_PORT_NUMBERS, _PORT_NUMBERS.map(str))
_EXPOSED = st.builds("{}{}".format, _PORT_NUMBERS, st.sampled_from(["", "/tcp", "/udp", "/sctp"]))
_VOLUME = st.sampled_from(["/data", "cache:/var/cache", "/srv:/srv:ro"])


def _object(required: Mapping[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]) -> Any:
    return st.fixed_dictionaries(dict(required), optional=optional)


_CONTAINER = _object(
    {"Image": st.sampled_from(["web", "web:1", "registry:5000/team/web:1.2", "web@sha256:" + "0" * 64])},
    Cmd=st.lists(TEXTS, max_size=3),
    Env=st.lists(st.builds("{}={}".format, WORDS, TEXTS), max_size=3),
    User=PRINTABLE,
    ExposedPorts=st.one_of(st.lists(_EXPOSED, max_size=3), st.dictionaries(_EXPOSED, st.just({}), max_size=3)),
    Labels=st.dictionaries(WORDS, TEXTS, max_size=3),
    Volumes=st.one_of(st.lists(_VOLUME, max_size=2), st.dictionaries(st.just("/data"), st.just({}), max_size=1)),
    Memory=st.integers(0, 2**40),
    Tty=st.booleans(),
    LogConfig=st.dictionaries(WORDS, JSON, max_size=2),
    HostConfig=_object({}, CpuShares=st.integers(0, 1024), Init=st.booleans(), CapAdd=st.lists(WORDS, max_size=2)),
)
_HTTP_ENTRY = _object(
    {
        "HostName": st.lists(
            st.sampled_from(["example.com", "*.example.com", "Demo.Test", "a-b.c"]), min_size=1, max_size=3
        ).map(", ".join),
        "ContainerPort": _PORT,
    },
    StripPath=st.booleans(),
    MaxHeader=st.integers(0, 2**16),
    MaxBody=st.integers(0, 2**24),
    Timeout=SECONDS,
    Buffer=st.booleans(),
    Sticky=st.sampled_from(["who", "__Host-x", "a_b-C"]),
    Tls=st.sampled_from(["auto", "require"]),
    Hsts=st.integers(0, 2**31 - 1),
    Hold=st.integers(0, 60),
)
_HTTP_PATHS = st.lists(st.sampled_from(["/", "/api", "/api/v1/", "/b\u00fccher", "/a%20b"]), max_size=3, unique=True)


@st.composite
def _http(draw: st.DrawFn) -> Any:
    """One entry, or a list of them, each with a path of its own."""
    if draw(st.booleans()):
        return draw(_HTTP_ENTRY)
    return [draw(_HTTP_ENTRY) | {"Path": path} for path in draw(_HTTP_PATHS)]


_HEALTH = _object(
    {
        "Type": st.sampled_from(["http", "tcp", "grpc", "exec", "docker", "none"]),
        "Port": _PORT,
        "Cmd": st.just(["check", "-q"]),
    },
    Path=st.sampled_from(["/", "/healthz?full=1"]),
    Service=st.sampled_from(["shop.Cart", ""]),
    Interval=SECONDS,
    Timeout=SECONDS,
    Retries=st.integers(1, 100),
    StartPeriod=st.integers(0, 3600),
)
_UDP_ROUTE = _object({"Port": _PORT, "ContainerPort": _PORT})
_TCP_ROUTE = _object({"Port": _PORT, "ContainerPort": _PORT}, ProxyProtocol=st.booleans())


def _port_routes(route: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(route, max_size=3, unique_by=lambda one: int(one["Port"]))


_PLACEMENT = _object(
    {},
    Constraints=st.lists(st.builds("{} {} {}".format, WORDS, st.sampled_from(["==", "!="]), WORDS), max_size=3),
    OnePerNode=st.booleans(),
)
_UPDATE = _object(
    {},
    Order=st.sampled_from(["start-first", "stop-first"]),
    Parallelism=st.integers(1, MAX_INSTANCES),
    MinHealthy=st.integers(0, 3600),
    Deadline=SECONDS,
    OnFailure=st.sampled_from(["revert", "pause"]),
    Drain=SECONDS,
)


def _some(*objects: dict[str, Any]) -> Any:
    """Some of these objects, in any order, each once."""
    return st.permutations(objects).flatmap(lambda those: st.integers(0, len(those)).map(lambda most: those[:most]))


DOCUMENTS: st.SearchStrategy[dict[str, Any]] = _object(
    {"Name": LABELS, "Group": LABELS, "Container": _CONTAINER},
    Instances=st.integers(0, MAX_INSTANCES),
    Http=_http(),
    Tcp=_port_routes(_TCP_ROUTE),
    Udp=_port_routes(_UDP_ROUTE),
    Health=_HEALTH,
    Placement=_PLACEMENT,
    Update=_UPDATE,
    OnPartition=st.sampled_from(["keep", "stop"]),
    StopTimeout=st.integers(0, 3600),
    Secrets=_some(
        {"Name": "password"}, {"Name": "a.pem", "Target": "/etc/a.pem", "OnChange": "HUP"}, {"Name": "b", "Env": "OF_B"}
    ),
    Files=_some(
        {"Name": "x.conf", "Target": "/etc/x.conf"},
        {"Name": "x.conf", "Target": "/etc/y.conf", "Mode": "0400", "OnChange": "HUP"},
        {"Target": "/start.sh", "Content": "#!/bin/sh\nexec web\n", "Mode": "0555"},
    ),
    After=st.lists(st.sampled_from(["after-1", "after-2", "after-1.other"]), max_size=3),
    Restarted=st.sampled_from(["2026-11-28T04:00:00.000000Z"]),
)
"""Definitions as a person may write them, all of them good."""

DEFINITIONS = DOCUMENTS.map(Definition.read)


@st.composite
def rewritten(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """The same definition with the keys of its parts in another order and in other case."""
    keys = draw(st.permutations(list(document)))
    parts = ("Container", "HostConfig", "Http", "Health", "Placement", "Update")
    written: dict[str, Any] = {}
    for key in keys:
        value = document[key]
        spelling = draw(st.sampled_from([key, key.lower(), key.upper(), key.swapcase()]))
        if key not in parts:
            written[spelling] = value
        elif isinstance(value, list):
            written[spelling] = [draw(rewritten(entry)) for entry in value]
        else:
            written[spelling] = draw(rewritten(value))
    return written


@st.composite
def spoiled(draw: st.DrawFn, document: Any, spoil: st.SearchStrategy[Any] = JSON) -> Any:
    """A document with one place of it replaced by anything."""
    if not isinstance(document, dict | list) or not document or draw(st.integers(0, 3)) == 0:
        return draw(spoil)
    places = list(document) if isinstance(document, dict) else range(len(document))
    place = draw(st.sampled_from(places))
    changed = draw(spoiled(document[place], spoil))
    if isinstance(document, dict):
        return {**document, place: changed}
    return [*document[:place], changed, *document[place + 1 :]]


PORTS = st.builds(
    Port, container=_PORT_NUMBERS, protocol=st.sampled_from(["tcp", "udp", "sctp"]), host=st.integers(0, 65535)
)
ADDRESSES = st.lists(st.ip_addresses().map(str), max_size=2).map(tuple)
NODE_RECORDS = st.builds(
    NodeRecord,
    addresses=ADDRESSES,
    labels=st.dictionaries(WORDS, TEXTS, max_size=3),
    version=PRINTABLE,
    progress=st.builds(Progress, st.integers(0, 2**63 - 1), st.integers(0, 9), ADDRESSES),
)
_ROUTED = st.lists(st.integers(1, 65535), max_size=3).map(tuple)
CLAIM_RECORDS = st.builds(
    ClaimRecord,
    node=LABELS,
    state=st.sampled_from(State),
    healthy=st.booleans(),
    addresses=ADDRESSES,
    ports=st.lists(PORTS, max_size=3).map(tuple),
    container=st.text("0123456789abcdef", max_size=64),
    definition=st.text("0123456789abcdef", max_size=12),
    started=st.floats(0, 1e12, allow_nan=False),
    reason=TEXTS,
    routed=st.builds(RoutedPorts, http=_ROUTED, tcp=_ROUTED, tcp_of=_ROUTED),
    delivered=st.none() | st.text("0123456789abcdef", max_size=12),
    judged=st.none() | st.text("0123456789abcdef", max_size=12),
)


def as_bytes(value: object) -> bytes:
    return json.dumps(value).encode()
