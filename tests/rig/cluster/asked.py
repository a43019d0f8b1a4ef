"""The answers of a node by DNS, HTTP and on its API, asked with the programs people use: ``dig`` and ``curl``."""

from __future__ import annotations

import subprocess

API = 5080


class Asked:
    """:param address: where the node listens, on the ports that an agent uses by default."""

    def __init__(self, address: str) -> None:
        self.address = address

    def dig(self, name: str, kind: str = "A") -> str:
        """The short answer: one line a record, sorted; with a comment instead when nobody answers."""
        command = ["dig", f"@{self.address}", name, kind, "+short", "+time=2", "+tries=2"]
        return "\n".join(sorted(_output(command).splitlines()))

    def served_by(self, host_name: str, times: int) -> set[str]:
        """The instances that answered some requests, made at once: of those made one by one, one here answers all."""
        url = f"http://{self.address}/?[1-{times}]"
        at_once = ["--parallel", "--parallel-immediate", "--parallel-max", "48"]
        return set(_output(["curl", "-s", "-m", "10", *at_once, "-H", f"Host: {host_name}", url]).splitlines())

    def is_well(self) -> bool:
        return not self.trouble()

    def trouble(self) -> str:
        """The trouble that ``/healthz`` reports; "" when all is well."""
        told = _output(["curl", "-s", "-m", "5", f"http://{self.address}:{API}/healthz"])
        return "" if told == "ok\n" else told or "no answer"


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
