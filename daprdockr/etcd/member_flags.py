"""The command line of a member of etcd in a cluster of ours, with TLS towards clients and towards other members."""

from __future__ import annotations

from pathlib import Path

from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.etcd.embedded import USUAL
from daprdockr.model.etcd_member import MEMBER_NAME, HostPart, client_url, member_url


def member_flags(part: HostPart, files: ClusterFiles, data: Path, alone: bool = False) -> list[str]:
    """
    Return etcd's flags. Those that begin with "initial" count only for a member without data.

    :param alone: whether it gives up all other members, and goes on with its data.
    """
    client, peer = client_url(part.address), member_url(part.address)
    begins = ["--initial-cluster-state=new", f"--initial-cluster-token={part.cluster}"]
    return [
        # First, because it identifies the process, and is followed by a space there.
        f"--data-dir={data}",
        f"--name={part.node}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster={','.join(part.initial)}",
        *(begins if part.cluster else ["--initial-cluster-state=existing"]),
        "--client-cert-auth",
        f"--trusted-ca-file={files.authority}",
        f"--cert-file={files.member_certificate}",
        f"--key-file={files.host_key}",
        "--peer-client-cert-auth",
        f"--peer-trusted-ca-file={files.authority}",
        f"--peer-cert-file={files.member_certificate}",
        f"--peer-key-file={files.host_key}",
        # A client's certificate makes nobody a member.
        f"--peer-cert-allowed-cn={MEMBER_NAME}",
        *(["--force-new-cluster"] if alone else []),
        *USUAL,
    ]
