"""The command line of a member of etcd."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.etcd.member_flags import member_flags
from daprdockr.model.etcd_member import HostPart

FILES = ClusterFiles(Path("/var/lib/x"))
DATA = Path("/var/lib/x/etcd/data")
FIRST = HostPart("a", "10.0.0.1", ("a=https://10.0.0.1:2380",), "5f")
SECOND = HostPart("b", "10.0.0.2", ("a=https://10.0.0.1:2380", "b=https://10.0.0.2:2380"))


class MemberFlagsTests(SynchronousTestCase):
    def test_founder(self) -> None:
        """The first member makes a cluster of its own, under a token that no other cluster has."""
        found = member_flags(FIRST, FILES, DATA)
        self.assertEqual(found[0], f"--data-dir={DATA}")
        self.assertIn("--initial-cluster-state=new", found)
        self.assertIn("--initial-cluster-token=5f", found)

    def test_joined(self) -> None:
        """A further member joins those there are."""
        found = member_flags(SECOND, FILES, DATA)
        self.assertIn("--initial-cluster-state=existing", found)
        self.assertIn("--initial-cluster=a=https://10.0.0.1:2380,b=https://10.0.0.2:2380", found)

    def test_alone(self) -> None:
        """A member that is left goes on alone where that is asked for, and only there."""
        found = [member_flags(FIRST, FILES, DATA, alone) for alone in (False, True)]
        self.assertEqual(["--force-new-cluster" in flags for flags in found], [False, True])

    def test_closed(self) -> None:
        """Clients and members show certificates, and a client's certificate makes nobody a member."""
        found = member_flags(FIRST, FILES, DATA)
        self.assertIn("--client-cert-auth", found)
        self.assertIn("--peer-client-cert-auth", found)
        self.assertIn("--peer-cert-allowed-cn=etcd", found)
        self.assertFalse([flag for flag in found if "http://" in flag])
