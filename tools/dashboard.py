"""Makes ``etc/grafana/daprdockr.json``, a dashboard of Grafana for a cluster: ``python -m tools.dashboard``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

PATH = Path(__file__).parents[1] / "etc/grafana/daprdockr.json"

WIDTH, HEIGHT = 8, 7
"""Of a panel, in units of Grafana, of which a row has 24."""


@frozen
class Panel:
    """``queries`` are pairs of an expression and the legend of its lines."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"


def _quantiles(metric: str, by: str, where: str = "") -> list[tuple[str, str]]:
    rate = f"sum by ({by}, le) (rate({metric}_bucket{where}[$__rate_interval]))"
    return [
        (f"histogram_quantile({q}, {rate})", f"{{{{{by}}}}} {name}") for q, name in ((0.5, "median"), (0.99, "99 %"))
    ]


def _rate(metric: str, by: str, legend: str) -> tuple[str, str]:
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))", legend


PANELS = (
    Panel(
        "Instances of services",
        [
            ("sum(max by (service) (daprdockr_service_instances_wanted))", "wanted"),
            ("sum(max by (service) (daprdockr_service_instances_running))", "running"),
            ("sum(max by (service) (daprdockr_service_instances_healthy))", "healthy"),
        ],
    ),
    Panel(
        "Services that lack instances",
        [
            (
                "max by (service) (daprdockr_service_instances_wanted) - "
                "max by (service) (daprdockr_service_instances_healthy) > 0",
                "{{service}}",
            )
        ],
    ),
    Panel("Instances by node", [("sum by (instance) (daprdockr_instances)", "{{instance}}")]),
    Panel("Nodes", [("max by (state) (daprdockr_nodes)", "{{state}}")]),
    Panel("Rollouts", [("max by (state) (daprdockr_rollouts)", "{{state}}")]),
    Panel(
        "Jobs that failed, or were missed",
        [
            ("max by (service) (daprdockr_job_last_run_failed) > 0", "{{service}} failed"),
            ("max by (service) (daprdockr_job_last_run_missed) > 0", "{{service}} missed"),
        ],
    ),
    Panel(
        "Loops that do not work",
        [("sum by (instance, loop) (1 - daprdockr_loop_healthy) > 0", "{{instance}} {{loop}}")],
    ),
    Panel("Lease left", [("daprdockr_lease_remaining_seconds", "{{instance}}")], "s"),
    Panel("Calls to etcd", _quantiles("daprdockr_call_duration_seconds", "pool", '{pool=~"etcd|heartbeat"}'), "s"),
    Panel(
        "Calls to the Docker Engine",
        _quantiles("daprdockr_call_duration_seconds", "pool", '{pool=~"docker|stops|pulls"}'),
        "s",
    ),
    Panel("Steps", [_rate("daprdockr_steps_total", "step, outcome", "{{step}} {{outcome}}")], "ops"),
    Panel(
        "Starts of containers",
        _quantiles("daprdockr_step_duration_seconds", "step", '{step=~"create_container|start_container"}'),
        "s",
    ),
    Panel("DNS replies", [_rate("daprdockr_dns_replies_total", "type, result", "{{type}} {{result}}")], "reqps"),
    Panel(
        "HTTP requests that were held, retried, unserved, paused",
        [
            _rate("daprdockr_http_held_requests_total", "instance", "{{instance}} held"),
            _rate("daprdockr_http_retried_requests_total", "instance", "{{instance}} retried"),
            _rate("daprdockr_http_unserved_requests_total", "instance", "{{instance}} unserved"),
            _rate("daprdockr_http_paused_requests_total", "instance", "{{instance}} paused"),
        ],
        "reqps",
    ),
    Panel(
        "Days until certificates end",
        [("(min by (name) (daprdockr_certificate_not_after_timestamp_seconds) - time()) / 86400", "{{name}}")],
        "d",
    ),
    Panel("Memory of agents", [('process_resident_memory_bytes{job="daprdockr"}', "{{instance}}")], "bytes"),
)

_VARIABLE = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
_SOURCE = {"type": "prometheus", "uid": "${source}"}


def dashboard() -> dict[str, Any]:
    """Return the dashboard in the form in which Grafana imports it."""
    return {
        "title": "daprdockr",
        "uid": "daprdockr",
        "schemaVersion": 39,
        "editable": True,
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": [_panel(number, panel) for number, panel in enumerate(PANELS)],
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, 24 // WIDTH)
    return {
        "id": number + 1,
        "title": panel.title,
        "type": "timeseries",
        "datasource": _SOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
            for index, (expression, legend) in enumerate(panel.queries)
        ],
    }


def text() -> str:
    """Return what the file has to contain."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
