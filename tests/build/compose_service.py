"""A Compose file with one service ``web``, and what becomes of it."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from tests.build.compose_samples import project


class ServiceCase(SynchronousTestCase):
    """One service ``web``, in JSON, which is YAML too."""

    def imported(self, top: dict[str, Any] | None = None, files: dict[str, str] | None = None, **keys: Any) -> Any:
        self.others = {name: {"image": name} for name in keys.pop("others", "").split()}
        text = json.dumps({"services": {"web": {"image": "web", **keys}, **self.others}, **(top or {})})
        return project({"compose.yaml": text, **(files or {})}, {"HOME_OF": "h"})

    def definition(self, top: dict[str, Any] | None = None, files: dict[str, str] | None = None, **keys: Any) -> Any:
        found: dict[str, Any] = self.imported(top, files, **keys).definitions[0].write()
        return found

    def found(self, top: dict[str, Any] | None = None, files: dict[str, str] | None = None, **keys: Any) -> list[str]:
        """The findings, each without its place, with a mark if it has weight."""
        found = self.imported(top, files, **keys).findings
        return [f"{'! ' if one.weighty else ''}{one.path.removeprefix('services.web.')}: {one.text}" for one in found]

    def wrong(self, top: dict[str, Any] | None = None, files: dict[str, str] | None = None, **keys: Any) -> str:
        return str(self.assertRaises(BadInput, self.imported, top, files, **keys)).removeprefix("compose.yaml:1: ")
