"""A CPU profile of the reactor's thread, from start to exit, for ``--cpuprofile``."""

from __future__ import annotations

import cProfile
from pathlib import Path

from twisted.application.service import Service


class Profile(Service):
    """Writes a file for ``python -m pstats FILE``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._profile = cProfile.Profile()

    def startService(self) -> None:
        super().startService()
        self._profile.enable()

    def stopService(self) -> None:
        super().stopService()
        self._profile.disable()
        self._profile.dump_stats(self._path)
