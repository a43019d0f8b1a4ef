"""
The text of the page, and of its fragments. All values are text in a template: nothing that an agent knows is markup.
"""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

from daprdockr.model.names import printable
from daprdockr.page.assets import ASSETS, EDITION
from daprdockr.page.fragments import Fragment, FragmentKind
from daprdockr.page.seen import Seen
from daprdockr.page.signs import Badge, Sign
from daprdockr.picture.cells import moment
from daprdockr.picture.extent import number_of_instances

POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("style", "script", "connect", "img")),
        *(f"{kind} 'none'" for kind in ("base-uri", "form-action", "frame-ancestors")),
    )
)
"""The Content-Security-Policy of each page: files of the package, and nothing inline."""

LEGEND = (
    Badge(Sign.OK, "healthy"),
    Badge(Sign.BUSY, "starting, or being replaced"),
    Badge(Sign.WARN, "waiting, or limited"),
    Badge(Sign.BAD, "failing"),
    Badge(Sign.IDLE, "withdrawn"),
)


def _printable(value: object) -> object:
    """Spell out the characters that turn the direction of a line, or that no page may have."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


_environment = Environment(
    loader=PackageLoader("daprdockr.page", "templates"),
    finalize=_printable,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=True,
    auto_reload=False,  # an upgrade of the package replaces them under an agent that runs
)
_environment.filters["instances"] = number_of_instances


def written(fragment: Fragment) -> str:
    """Return the element of a fragment."""
    return str(getattr(_environment.get_template("fragments.html.j2").module, fragment.kind.value)(*fragment.shown))


def page(seen: Seen, texts: Mapping[Fragment, str], at: str) -> str:
    """
    Return the whole page.

    :param texts: the fragments in their order, each with its element.
    :param at: the number of the update that this page has.
    """
    parts = {kind.value: _of(kind, texts) for kind in FragmentKind}
    return written_page("page.html.j2", seen=seen, at=at, parts=parts, time=moment(seen.time), legend=LEGEND)


def _of(kind: FragmentKind, texts: Mapping[Fragment, str]) -> list[str]:
    return [text for fragment, text in texts.items() if fragment.kind is kind]


def written_page(template: str, **values: object) -> str:
    """Return a document from one of the templates."""
    paths = {name: asset.path for name, asset in ASSETS.items()}
    return _environment.get_template(template).render(assets=paths, edition=EDITION, **values)
