"""
Knot, an authoritative server of others, for a zone of ours: https://www.knot-dns.cz/docs/3.2/html/reference.html

Its configuration makes it as comparable as it can be made; ``docs/design/dns.rst`` has the remaining differences.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from tests.build.ports import free_port
from tests.rig.docker_engine import until

PATIENCE = 30.0
GUARDED = 'knotd --config "$0" & cat >/dev/null; kill $!; wait $!'
"""It ends when the end of its input says that we stop it, or died."""
CONFIGURATION = """
server:
    rundir: "{home}"
    listen: 127.0.0.1@{port}
    udp-max-payload: 1232
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    identity: ""
    version: ""
    nsid: ""
    automatic-acl: off
    answer-rotation: off

log:
  - target: stderr
    any: warning

database:
    storage: "{home}"

zone:
  - domain: container
    storage: "{home}"
    file: container.zone
    semantic-checks: off
    zonefile-load: whole
    zonefile-sync: -1
    journal-content: none
"""


def missing() -> str | None:
    """Why tests with Knot are skipped; None to run them, which fails loudly where ``CI`` is set."""
    return None if os.environ.get("CI") or shutil.which("knotd") else "not installed: knot (Debian)"


class Knot:
    """One server with this zone file; ``stop`` it in a cleanup."""

    def __init__(self, zone_file: str) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="knot-"))
        self.address = ("127.0.0.1", free_port())
        (self._home / "container.zone").write_text(zone_file)
        configuration = self._home / "knot.conf"
        configuration.write_text(CONFIGURATION.format(home=self._home, port=self.address[1]))
        with (self._home / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", GUARDED, str(configuration)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            until(self._answers, PATIENCE)
        except AssertionError:
            said = (self._home / "log").read_text()
            self.stop()
            raise AssertionError(f"Knot does not answer:\n{said}") from None

    def stop(self) -> None:
        self._process.communicate()
        shutil.rmtree(self._home)

    def _answers(self) -> bool:
        query = dns.message.make_query("container", "SOA")
        try:
            return bool(dns.query.udp(query, self.address[0], timeout=0.5, port=self.address[1]).answer)
        except (OSError, dns.exception.DNSException):
            return False
