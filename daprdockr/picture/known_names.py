# -*- test-case-name: tests.unit.cli.commands.test_names -*-
"""Names of what there is, as people type them."""

from __future__ import annotations

from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName


def known_names(cluster: Cluster) -> dict[str, list[str]]:
    """
    Return the names by their kind, in order: services that are defined, and their instances, wanted or not; secrets
    and files that are set, or that a service uses.
    """
    services, instances = sorted(cluster.services), list[str]()
    definitions = [cluster.services[name].definition for name in services]
    for service in services:
        numbers = {*cluster.claims(service), *range(1, cluster.services[service].definition.instances + 1)}
        instances += [str(InstanceName(service, number)) for number in sorted(numbers)]
    return {
        "services": [str(one) for one in services],
        "instances": instances,
        "groups": sorted({one.group for one in services}),
        "nodes": sorted(cluster.nodes),
        "jobs": [str(one.name) for one in definitions if one.schedule is not None],
        "secrets": sorted({*cluster.values.secrets, *(use.name for one in definitions for use in one.secrets)}),
        "files": sorted({*cluster.values.files, *(use.name for one in definitions for use in one.files)}),
        "certificates": sorted(cluster.certificates),
    }
