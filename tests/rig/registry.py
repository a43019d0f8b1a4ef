"""A real registry of images on loopback, which goes away and comes back: Debian's ``docker-registry``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

from docker import APIClient

from tests.build.ports import free_port
from tests.rig.docker_engine import until
from tools.build_image import CHANGES, layer

NAME = "web"


def missing_registry() -> str | None:
    """Return why tests with a registry are skipped; None to run them, which fails loudly where ``CI`` is set."""
    if os.environ.get("CI") or shutil.which("docker-registry"):
        return None
    return "docker-registry is not installed (Debian: docker-registry)"


class Registry:
    """
    Engines ask it by plain HTTP, because it is on loopback. ``image`` is the tag of its only image; call ``close`` in a
    cleanup.
    """

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="registry-"))
        self.port = free_port()
        self.image = f"127.0.0.1:{self.port}/{NAME}:latest"
        self._process: subprocess.Popen[bytes] | None = None
        config = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": str(self.home / "data")}},
            "http": {"addr": f"127.0.0.1:{self.port}"},
        }
        (self.home / "config.yml").write_text(json.dumps(config))

    def start(self) -> None:
        with (self.home / "registry.log").open("ab") as log:
            command = ["docker-registry", "serve", str(self.home / "config.yml")]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self._answers)

    def stop(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def close(self) -> None:
        if self._process is not None:
            self.stop()
        shutil.rmtree(self.home)

    def push(self, engine: str, version: str) -> str:
        """
        Make a version of the sample image, and have an Engine push it with the tag; return its digest there. The Engine
        knows it by another name of this host, so that none has the tag by this.
        """
        repository = f"localhost:{self.port}/{NAME}"
        with closing(APIClient(base_url=engine, version="auto")) as client:
            client.import_image_from_data(layer(version), repository=repository, tag="latest", changes=CHANGES)
            for line in client.push(repository, "latest", stream=True, decode=True):
                assert "error" not in line, line
            (known,) = client.inspect_image(f"{repository}:latest")["RepoDigests"]
            return str(known).rpartition("@")[2]

    def _answers(self) -> bool:
        command = ["curl", "-s", "-f", "-m", "2", f"http://127.0.0.1:{self.port}/v2/"]
        return subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0
