# -*- test-case-name: tests.unit.cli.test_local_agent -*-
"""Where an agent answers the commands of its machine that read."""

from __future__ import annotations

STATE_DIR = "/var/lib/daprdockr"
STATE = "DAPRDOCKR_STATE_DIR"
"""The variable that names the state directory of this machine's agent."""
SOCKET = "api.sock"
"""The name of the unix socket in the state directory."""
CONTAINERS = "containers"
"""The question for the containers that an agent has on its host."""
