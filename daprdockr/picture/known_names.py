# -*- test-case-name: tests.unit.cli.commands.test_names -*-
"""Names of what there is, as people type them."""

from __future__ import annotations

from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName, ServiceName


def known_names(cluster: ClusterView) -> dict[str, list[str]]:
    """
    Return the names by their kind, in order: services that are defined, and their instances, wanted or not; secrets
    and files that are set, or that a service uses; a file whose content stands in the definition has no name.
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
        "files": sorted({*cluster.values.files, *(use.name for one in definitions for use in one.files if use.name)}),
        "certificates": sorted(cluster.certificates),
    }


def known_volumes(cluster: ClusterView, instance: InstanceName) -> list[str]:
    """Return the volumes of one instance: those of its definition, and those that a node has of it."""
    wanted, stored = cluster.services.get(instance.service), cluster.volumes(instance.service).get(instance.number)
    kept = () if wanted is None else wanted.definition.container.kept_volumes
    return sorted({*kept, *(() if stored is None else stored.record.volumes)})


def known_runs(cluster: ClusterView, job: ServiceName) -> list[str]:
    """Return the numbers of the runs of a job that are remembered, oldest first."""
    runs = sorted(cluster.runs(job).items())
    return [str(number) for number, run in runs if run.record.is_run]
