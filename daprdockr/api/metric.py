"""The metrics of an agent: what each is called, and what it means. Knows not where the values come from."""

from __future__ import annotations

import enum

from attrs import field, frozen

from daprdockr.runtime.durations import Distribution


class MetricKind(enum.Enum):
    """The type of a metric, by the word of Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@frozen
class Metric:
    """``text`` says what it counts or measures; ``labels`` are the names of its labels."""

    name: str
    kind: MetricKind
    text: str
    labels: tuple[str, ...] = ()


@frozen
class Sample:
    """One value of a metric now; ``labels`` are the values of its labels, in their order."""

    metric: Metric
    value: float | Distribution
    labels: tuple[str, ...] = field(default=())


def _metric(kind: MetricKind, name: str, text: str, *labels: str) -> Metric:
    return Metric(f"daprdockr_{name}", kind, text, labels)


_COUNTER, _GAUGE, _HISTOGRAM = MetricKind.COUNTER, MetricKind.GAUGE, MetricKind.HISTOGRAM

BUILD = _metric(_GAUGE, "build_info", "1, with the version of the agent and the name of its node", "version", "node")
HEALTHY = _metric(
    _GAUGE, "loop_healthy", "1 while this loop of the agent, or pool of threads, works; /healthz says why not", "loop"
)
IN_TOUCH = _metric(_GAUGE, "etcd_in_touch", "1 while the mirror follows etcd; 0 while the agent is frozen, too")
REVISION = _metric(_GAUGE, "etcd_revision", "The revision of etcd that the mirror has reached")
ETCD_MEMBERS = _metric(_GAUGE, "etcd_members", "Members of etcd that vote: those that answer, and all", "state")
ETCD_SIZE = _metric(_GAUGE, "etcd_database_bytes", "The size of the largest database of a member of etcd")
ETCD_QUOTA = _metric(_GAUGE, "etcd_quota_bytes", "The size at which etcd takes no more writes; 0 if it does not say")
ETCD_ALARM = _metric(
    _GAUGE, "etcd_alarm", "1 while etcd has this alarm: nospace, it is full; corrupt, its members disagree", "alarm"
)
ETCD_COMPACTED = _metric(_GAUGE, "etcd_compacted_revision", "The revision up to which etcd has forgotten its history")
LEASE_LEFT = _metric(
    _GAUGE, "lease_remaining_seconds", "Seconds for which this node's lease is certain; 0 without a certain one"
)
LEASE_TTL = _metric(_GAUGE, "lease_ttl_seconds", "The time to live of the lease that the agent asks for")

CALLS = _metric(
    _HISTOGRAM,
    "call_duration_seconds",
    "Durations of blocking calls by the pool of threads that made them: etcd, heartbeat and upkeep call etcd; docker, "
    "stops, pulls, checks, ping and images call the Docker Engine; handing and fetching move images between nodes; "
    "acme calls ACME servers, joining admits hosts, and files, nginx and guard are for files and processes of the host",
    "pool",
)
CALL_FAILURES = _metric(_COUNTER, "call_failures_total", "Calls of each pool that raised an error", "pool")
CALLS_ACTIVE = _metric(_GAUGE, "calls_active", "Threads of each pool that are busy", "pool")
CALLS_WAITING = _metric(_GAUGE, "calls_waiting", "Calls that wait for a thread of each pool", "pool")

STEPS = _metric(
    _COUNTER,
    "steps_total",
    "Steps that were carried out, by kind and outcome: done; retry and fault failed; error is a fault of the agent",
    "step",
    "outcome",
)
STEP_DURATION = _metric(
    _HISTOGRAM,
    "step_duration_seconds",
    "Durations of steps by kind; those of start_container are the starts of containers",
    "step",
)

NODES = _metric(
    _GAUGE,
    "nodes",
    "Nodes that hold a lease: ready, cordoned, draining, or not_ready, which includes those that can start nothing",
    "state",
)
INSTANCES = _metric(_GAUGE, "instances", "Instances that this node has claimed, by the state of the claim", "state")
WANTED = _metric(_GAUGE, "service_instances_wanted", "Instances that a service wants", "service")
RUNNING = _metric(_GAUGE, "service_instances_running", "Wanted instances of a service that run", "service")
SERVICE_HEALTHY = _metric(
    _GAUGE, "service_instances_healthy", "Wanted instances of a service that are healthy", "service"
)
UNUSABLE = _metric(_GAUGE, "unusable_values", "Values in etcd that cannot be read, or do not count: status lists them")
ROLLOUTS = _metric(
    _GAUGE,
    "rollouts",
    "Rollouts in the cluster by state: under_way; reverted, paused or failed until another definition is stored",
    "state",
)

JOB_FAILED = _metric(
    _GAUGE, "job_last_run_failed", "1 if the last run of a job that ended has failed, or is lost; 0 if not", "service"
)
JOB_MISSED = _metric(
    _GAUGE, "job_last_run_missed", "1 if the last run of a job that was due did not begin in time; 0 if not", "service"
)

DNS_REPLIES = _metric(
    _COUNTER,
    "dns_replies_total",
    "DNS replies by type of the question and by result; under load by a sample of one in each batch of datagrams",
    "type",
    "result",
)
DNS_EVENTS = _metric(_COUNTER, "dns_events_total", "Events of the DNS by name, of which the list is below", "event")

ROUTES = _metric(_GAUGE, "routes", "HTTP routes: host names with a path")
ROUTE_ENDPOINTS = _metric(_GAUGE, "route_endpoints", "Healthy instances behind all HTTP routes")
ROUTE_CHANGES = _metric(_COUNTER, "route_changes_total", "How often new routes came into force")
ROUTE_FAILURES = _metric(_COUNTER, "route_failures_total", "Attempts to put routes into force that failed")
HELD = _metric(_COUNTER, "http_held_requests_total", "HTTP requests that waited because no instance was there")
RETRIED = _metric(_COUNTER, "http_retried_requests_total", "Further tries of HTTP requests at another instance")
UNSERVED = _metric(
    _COUNTER, "http_unserved_requests_total", "HTTP requests that found no instance, and were answered 503"
)
PAUSED = _metric(_COUNTER, "http_paused_requests_total", "HTTP requests answered 503 because their service is paused")

CERTIFICATE_END = _metric(
    _GAUGE,
    "certificate_not_after_timestamp_seconds",
    "When a certificate ends, in seconds since the epoch",
    "name",
    "source",
)
CERTIFICATE_BEGIN = _metric(
    _GAUGE,
    "certificate_not_before_timestamp_seconds",
    "When a certificate began, in seconds since the epoch, but for one of files that is valid for 56 days or longer",
    "name",
    "source",
)
CERTIFICATE_AWAITED = _metric(
    _GAUGE,
    "certificate_awaited",
    "1 for each host name that has no certificate yet and is to get one by ACME",
    "name",
)
CERTIFICATE_UNUSABLE = _metric(
    _GAUGE,
    "certificate_unusable",
    "1 for each certificate that a node cannot use, or that is missing where clients are led to HTTPS and not awaited",
    "name",
)

METRICS: tuple[Metric, ...] = tuple(value for value in globals().values() if isinstance(value, Metric))
