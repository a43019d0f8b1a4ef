"""Variables in texts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.compose.interpolation import LONGEST, Interpolation
from daprdockr.compose.tree import NOWHERE, LinePlace, Override, PlacedMap
from daprdockr.model.errors import BadInput

VARIABLES = {"TAG": "1.2", "EMPTY": "", "NAME": "TAG"}


class TextTests(SynchronousTestCase):
    """One text."""

    def text(self, template: str) -> str:
        return Interpolation(VARIABLES).text(template)[0]

    def wrong(self, template: str) -> str:
        return str(self.assertRaises(BadInput, self.text, template))

    def test_forms(self) -> None:
        """Each form gives the variable, its replacement or nothing; two dollars give one."""
        forms = {
            "a$TAG-b": "a1.2-b",
            "${TAG}x": "1.2x",
            "$$TAG ${$TAG": None,
            "$$TAG": "$TAG",
            "$ $1 $": "$ $1 $",
            "${NONE:-x}${NONE-y}": "xy",
            "${EMPTY:-x}${EMPTY-y}": "x",
            "${TAG:+set}${EMPTY:+set}${EMPTY+given}${NONE+no}": "setgiven",
            "${NONE:-${EMPTY:-${TAG}}!}": "1.2!",
            "${TAG:-${broken}": None,
            "${TAG:?no}${EMPTY?no}": "1.2",
            "${NONE:-}": "",
        }
        for template, expected in forms.items():
            if expected is None:
                self.assertRaises(BadInput, self.text, template)
            else:
                self.assertEqual(expected, self.text(template), template)

    def test_required(self) -> None:
        """A variable that has to be there is an error with the person's own reason."""
        self.assertEqual("variable NONE is not set: say which 1.2", self.wrong("${NONE:?say which $TAG}"))
        self.assertEqual("variable EMPTY is not set", self.wrong("${EMPTY:?}"))
        self.assertEqual("variable NONE is not set: x", self.wrong("${NONE?x}"))

    def test_no_variable(self) -> None:
        """A text that is no variable is an error that says how to write a dollar."""
        self.assertIn("'${TAG/a/b}' is no variable", self.wrong("${TAG/a/b}"))
        self.assertIn("is no variable", self.wrong("${}"))
        self.assertIn("has ${ without }", self.wrong("x${TAG"))

    def test_bounds(self) -> None:
        """A text that grows too long, and one that nests too deep, are refused."""
        long = Interpolation({"A": "x" * LONGEST})
        self.assertRaises(BadInput, long.text, "$A$A")
        self.assertRaises(BadInput, long.text, "$A..")
        self.assertIn("nested deeper", self.wrong("${N:-" * 40 + "}" * 40))


class TreeTests(SynchronousTestCase):
    """The values of a file."""

    def test_values(self) -> None:
        """Texts are replaced wherever they stand; keys, numbers and places stay."""
        place = LinePlace("compose.yaml", 7)
        tree = PlacedMap([("$TAG", ["$TAG", 3, Override("$NAME")])], {"$TAG": place})
        interpolation = Interpolation(VARIABLES)
        found = interpolation.tree(tree)
        self.assertEqual({"$TAG": ["1.2", 3, Override("TAG")]}, found)
        assert isinstance(found, PlacedMap)
        self.assertEqual((place, NOWHERE), (found.at("$TAG"), found.at("other")))

    def test_unset(self) -> None:
        """The first place of each variable that is not set is known."""
        interpolation = Interpolation({})
        tree = PlacedMap([("a", "$X"), ("b", "$X$Y")], {"a": LinePlace("f", 1), "b": LinePlace("f", 2)})
        interpolation.tree(tree)
        self.assertEqual({"X": (LinePlace("f", 1), "a"), "Y": (LinePlace("f", 2), "b")}, interpolation.unset)

    def test_place_of_an_error(self) -> None:
        """An error has file, line and key."""
        tree = PlacedMap([("a", PlacedMap([("b", ["", "${"])], {"b": LinePlace("f.yaml", 3)}))])
        error = self.assertRaises(BadInput, Interpolation({}).tree, tree)
        self.assertEqual("f.yaml:3: a.b[1]: '${' has ${ without }: write $$ for a dollar", str(error))
