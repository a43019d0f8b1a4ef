"""The table of keys, the specification, the page that is made from it, and the walk over a file."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.compose.keys import _INSIDE, KEYS, WHOLE, Carried, inside
from daprdockr.compose.reference import PARTS, renewed, rows
from daprdockr.model.errors import BadInput
from tests.build.compose_samples import SAMPLES, project
from tests.unit.house.sources import CHECKOUT

PAGE = CHECKOUT / "docs/reference/compose.rst"


class TableTests(SynchronousTestCase):
    """The table has every key of the specification, and no other."""

    def test_specification(self) -> None:
        """Each key of the schema has its line, or lies in one that stands for all that is in it."""
        schema = (SAMPLES / "specification.txt").read_text(encoding="utf-8").split()
        within = tuple(f"{path}{mark}" for path in WHOLE for mark in ".[")
        self.assertEqual([], [path for path in schema if not path.startswith(within) and path not in {*KEYS, *_INSIDE}])
        self.assertEqual(set(), {*KEYS, *_INSIDE, *WHOLE} - set(schema))

    def test_texts(self) -> None:
        """Each line says where the key goes; of one that is not carried over also what to do."""
        self.assertEqual([], [path for path, key in KEYS.items() if not key.how])
        left = [key for key in KEYS.values() if key.carried in (Carried.LEFT_OUT, Carried.REFUSED)]
        self.assertEqual([], [key for key in left if ": " not in key.spoken])

    def test_page(self) -> None:
        """The page has the tables of the code, with each key once."""
        page = PAGE.read_text(encoding="utf-8")
        self.assertEqual(renewed(page), page, "python -m daprdockr.compose.reference docs/reference/compose.rst")
        self.assertEqual(len(KEYS), sum(len(rows(part)) for part in PARTS))
        self.assertRaises(SystemExit, renewed, "no table")

    def test_inside(self) -> None:
        """The keys that may stand in another one are known."""
        self.assertIn("services", inside(""))
        self.assertEqual({"soft", "hard"}, set(inside("services.*.ulimits.*")))
        self.assertEqual((), inside("services.*.environment"))


class WalkTests(SynchronousTestCase):
    """All keys of a file."""

    def found(self, text: str) -> list[str]:
        return [str(one) for one in project({"compose.yaml": f"services:\n  web:\n    image: web\n{text}"}).findings]

    def wrong(self, text: str) -> str:
        return str(self.assertRaises(BadInput, self.found, text))

    def test_unknown(self) -> None:
        """A key that Compose does not know is an error, with the one that is meant."""
        self.assertEqual(
            "compose.yaml:5: services.web.deploy.replica: is not a known key, did you mean replicas?",
            self.wrong("    deploy:\n      replica: 1"),
        )
        self.assertIn("compose.yaml:4: servces: is not a known key, did you mean services?", self.wrong("servces: {}"))
        self.assertIn("leave 'qqqq' out", self.wrong("    qqqq: 1"))
        self.assertIn("services.web.volumes[0].typ: is not", self.wrong("    volumes: [{typ: bind, target: /a}]"))

    def test_extensions(self) -> None:
        """Extensions are no keys of Compose, wherever they stand; a variable may be called like one."""
        self.assertEqual([], self.found("    x-a: {b: c}\n    environment: {x-y: z}\nx-common: {d: e}"))

    def test_nothing_given(self) -> None:
        """A key without a value, or at its default, is none that is left out."""
        self.assertEqual(
            [], self.found("    container_name: ''\n    external_links: []\n    attach: false\n    links:")
        )

    def test_order(self) -> None:
        """Keys that are left out come in the order of the file, each key once."""
        found = self.found("    pre_stop: [{command: x}]\n    container_name: a")
        self.assertEqual(
            [
                "compose.yaml:4: services.web.pre_stop: nothing runs before the stop: do it at the stop signal",
                "compose.yaml:5: services.web.container_name: containers are called after their instances: use the"
                " service's name",
            ],
            found,
        )
