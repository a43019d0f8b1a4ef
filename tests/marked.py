"""The labels of a container as an agent makes it: see Note [The name is the mark] in ``daprdockr.model.host``."""

from __future__ import annotations

from daprdockr.model.host import LABEL_INSTANCE, LABEL_NAME, LABEL_NODE


def marked(name: str, node: str, instance: str = "1.web.myapp") -> dict[str, str]:
    """Those without which no agent of ``node`` takes the container of this name for its own."""
    return {LABEL_NAME: name, LABEL_NODE: node, LABEL_INSTANCE: instance}
