# -*- test-case-name: tests.unit.cli.commands.test_init -*-
"""The warning about an environment that names another cluster than the one of which this host becomes a part."""

from __future__ import annotations

from contextlib import suppress

from daprdockr.arguments.access import ETCD_PARAMETERS
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput


def warn_of_other_cluster(request: Request, console: Console) -> None:
    """Say that other commands will not mean the cluster of this host."""
    etcd = ETCD_PARAMETERS[0]
    named = request.environment.get(etcd.variable, "")
    if named in ("", etcd.default):
        return
    with suppress(BadInput):
        own = ClusterFiles(request.state_dir).access()
        if own is not None and set(map(str, own.endpoints)) == set(named.split(",")):
            return
    console.complain(f"{etcd.variable} names another cluster, {named}, which other commands mean until you unset it")
