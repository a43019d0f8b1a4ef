"""``GET /api/openapi.json``: what the JSON API answers, in the form of OpenAPI 3.1."""

from __future__ import annotations

import json
import pkgutil


def description() -> object:
    """Return the description, which is a file of the package."""
    content = pkgutil.get_data("daprdockr.api", "openapi.json")
    assert content is not None
    return json.loads(content)
