# -*- test-case-name: tests.unit.arguments.test_options,tests.unit.cli.test_parse -*-
"""The options for the connection to etcd, the same for agent and command line, and the ``Access`` they give."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from daprdockr.arguments.parameter import Parameter, absolute_path
from daprdockr.etcd.address import Access
from daprdockr.model.errors import BadInput

ETCD_PARAMETERS = (
    Parameter(
        "etcd",
        "URLS",
        "etcd endpoints, separated by commas, any of which may be down",
        default="http://localhost:5001,http://localhost:5002,http://localhost:5003",
        variable="ETCD_HOSTS",
    ),
    Parameter("etcd-ca", "FILE", "certificate authority of https:// endpoints", variable="ETCD_CA"),
    Parameter("etcd-cert", "FILE", "our own certificate, if etcd asks for one", variable="ETCD_CERT"),
    Parameter("etcd-key", "FILE", "the key of --etcd-cert", variable="ETCD_KEY"),
    Parameter("etcd-user", "NAME", "our user, if etcd has authentication enabled"),
    Parameter("etcd-password-file", "FILE", "file whose first line is the password of --etcd-user"),
)


def access_of_host(given: Mapping[str, str], state_dir: Path) -> Access | None:
    """
    Return the access to the cluster that ``daprdockrcmd init`` or ``join`` made this host a part of; None where it is
    part of none, or where option values name another etcd.

    :raises BadInput: its files are damaged.
    """
    usual = {row.name: row.default for row in ETCD_PARAMETERS if row.default}
    if {name: text for name, text in given.items() if text} != usual:
        return None
    from daprdockr.etcd.cluster_files import ClusterFiles  # most command lines name their etcd

    return ClusterFiles(state_dir).access()


def is_usual(access: Access | None) -> bool:
    """Return whether this is the etcd that is meant where nothing names one."""
    return access is not None and str(access) == str(read_access({"etcd": str(ETCD_PARAMETERS[0].default)}))


def is_of_cluster(state_dir: Path) -> bool:
    """
    Return whether ``daprdockrcmd init`` or ``join`` made this host a part of a cluster, as far as the user may know. It
    is one whichever etcd option values name, and the place of etcd in its state directory is taken.
    """
    from daprdockr.etcd.cluster_files import ClusterFiles

    return os.path.lexists(ClusterFiles(state_dir).endpoints)


def read_access(given: Mapping[str, str]) -> Access:
    """
    Return the access that option values by name describe; an empty one, but for ``etcd``, counts as not given.

    :raises BadInput: one line that names the option.
    """
    password_file = _path(given, "etcd-password-file")
    return Access.parse(
        given["etcd"],
        ca=_path(given, "etcd-ca"),
        cert=_path(given, "etcd-cert"),
        key=_path(given, "etcd-key"),
        user=given.get("etcd-user", ""),
        password=_password(password_file),
        password_file=password_file,
    )


def _path(given: Mapping[str, str], name: str) -> Path | None:
    return absolute_path(given[name]) if given.get(name) else None


def _password(path: Path | None) -> str:
    try:
        if path is None:
            return ""
        from daprdockr.etcd.credentials import read_password  # which loads the library of TLS

        return read_password(path)
    except OSError as error:
        raise BadInput(f"--etcd-password-file {path} cannot be read: {error.strerror}") from None
