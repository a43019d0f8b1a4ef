"""The pages of the documents, read as docutils sees them."""

from __future__ import annotations

from functools import cache
from io import StringIO
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree

from tests.unit.house.sources import CHECKOUT

README = CHECKOUT / "README.rst"

CONTRIBUTING = CHECKOUT / "CONTRIBUTING.rst"

DESIGN = CHECKOUT / "docs/design"

ARCHITECTURE = DESIGN / "architecture.rst"

GUIDE = sorted((CHECKOUT / "docs/guide").glob("*.rst"))

REFERENCE = CHECKOUT / "docs/reference"

AGENT, COMMAND_LINE, DEFINITION = (REFERENCE / f"{name}.rst" for name in ("agent", "command-line", "definition"))

PERFORMANCE_LOG = CHECKOUT / "docs/performance-log.rst"

LINKED = sorted((CHECKOUT / "docs").rglob("*.rst"))

PAGES = (README, CONTRIBUTING, CHECKOUT / "NEWS.rst", *LINKED)

WARNING, NEVER = 2, 5


@cache
def read(page: Path) -> tuple[nodes.document, str]:
    """A page as docutils sees it, and what docutils complains of."""
    complaints = StringIO()
    settings = {"report_level": WARNING, "halt_level": NEVER, "warning_stream": complaints}
    text = page.read_text(encoding="utf-8")
    document = publish_doctree(text, source_path=str(page.relative_to(CHECKOUT)), settings_overrides=settings)
    return document, complaints.getvalue()


@cache
def section(page: Path, title: str) -> nodes.Element:
    """The section of that title, or the whole page, if that is its title."""
    document = read(page)[0]
    found = [part for part in (document, *document.findall(nodes.section)) if part[0].astext() == title]
    if len(found) != 1:
        raise AssertionError(f"{page.name} has {len(found)} sections {title!r}")
    return found[0]


def rows(page: Path, title: str, table: int = 0) -> list[list[str]]:
    """The rows of a table in a section, without its head, each cell as text on one line."""
    body = list(section(page, title).findall(nodes.tbody))[table]
    return [[" ".join(cell.astext().split()) for cell in row.children] for row in body.children]


def literals(node: nodes.Element) -> list[str]:
    """The texts in double backquotes."""
    return [literal.astext() for literal in node.findall(nodes.literal)]
