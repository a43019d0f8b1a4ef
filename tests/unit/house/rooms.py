"""The rooms of the package, and the floors within them, in their order: who may import whom."""

from __future__ import annotations

from collections.abc import Mapping

# A room imports itself and rooms of lower numbers: those of one number never see each other.
ROOMS = {
    "model": 0,
    "planning": 1,
    "compose": 1,
    "guard": 1,
    "relay": 1,
    "process": 2,
    "runtime": 2,
    "acme": 3,
    "etcd": 3,
    "engine": 3,
    "dns": 3,
    "proxy": 3,
    "sealing": 3,
    "sessions": 3,
    "agent": 4,
    "arguments": 4,
    "picture": 4,
    "api": 5,
    "page": 5,
    "peer": 5,
    "cli": 5,
    "wiring": 6,
    "tap": 7,
    "daemon": 8,
}

# The same within a room, from the bottom: folders, and modules that stand beside them.
FLOORS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "model": (
        ("errors",),
        ("names", "backoff"),
        ("reading", "host", "host_names"),
        ("members",),
        ("wanted",),
        ("stored",),
        ("known", "seams", "troubles"),
        ("trouble",),
    ),
    "planning": (
        ("lanes",),
        ("claim_steps", "container_steps", "rollout_steps", "run_steps", "volume_steps"),
        ("attempts", "candidates", "diagnosis", "renewing", "steps"),
        ("fitting", "outcome", "situation"),
        ("placing",),
        ("keeping",),
        ("claiming", "jobs", "owning"),
        ("plan",),
    ),
    "dns": (
        ("clients", "endpoint"),
        ("message",),
        ("zone",),
        ("answering",),
        ("forwarding", "listening"),
        ("authority",),
        ("server",),
    ),
    "agent": (
        ("holder",),
        ("statedir", "office"),
        ("mirror", "host"),
        ("membership", "guarding", "renewing", "reporting", "certifying"),
        ("reconcile", "ephemeral"),
    ),
}


# Values in, values out: the same question has the same answer at any time on any machine.
PURE = (
    "daprdockr.model",
    "daprdockr.page",
    "daprdockr.picture",
    "daprdockr.planning",
    "daprdockr.compose",
    "daprdockr.dns.answering.answer",
    "daprdockr.dns.forwarding.cache",
    "daprdockr.dns.answering.challenge",
    "daprdockr.dns.answering.decide",
    "daprdockr.dns.answering.finished",
    "daprdockr.dns.zone.challenge_zone",
    "daprdockr.dns.zone.hosts",
    "daprdockr.dns.answering.reverse",
    "daprdockr.dns.zone.zone",
    "daprdockr.guard.orders",
    "daprdockr.proxy.certificates",
    "daprdockr.proxy.clients",
    "daprdockr.proxy.message",
    "daprdockr.proxy.ports",
    "daprdockr.proxy.routes",
    "daprdockr.proxy.routing",
    "daprdockr.relay.message",
)
