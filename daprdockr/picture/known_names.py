# -*- test-case-name: tests.unit.cli.commands.test_names -*-
"""Names of services, instances and nodes, as people type them."""

from __future__ import annotations

from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName


def known_names(cluster: Cluster) -> dict[str, list[str]]:
    """Return the names by their kind, in order: services that are defined, and their instances, wanted or not."""
    services, instances = sorted(cluster.services), list[str]()
    for service in services:
        numbers = {*cluster.claims(service), *range(1, cluster.services[service].definition.instances + 1)}
        instances += [str(InstanceName(service, number)) for number in sorted(numbers)]
    return {"services": [str(one) for one in services], "instances": instances, "nodes": sorted(cluster.nodes)}
