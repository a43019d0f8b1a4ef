"""The ``Secrets`` of a definition."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.secrets import MOST_SECRETS, SecretUse, stamped
from tests.build.values import definition


def using(*secrets: dict[str, Any], **members: Any) -> Definition:
    return definition(Secrets=list(secrets), **members)


class SecretsTests(SynchronousTestCase):
    def test_read(self) -> None:
        """A secret is a file at its usual place, one at another place, or a variable; the same is written back."""
        made = using({"Name": "a"}, {"name": "b", "target": "/etc/b"}, {"Name": "b", "Env": "B"})
        self.assertEqual(
            made.secrets,
            (SecretUse("a", target="/run/secrets/a"), SecretUse("b", target="/etc/b"), SecretUse("b", env="B")),
        )
        self.assertEqual(made.write()["Secrets"][0], {"Name": "a"})
        self.assertEqual(Definition.read(made.write()), made)

    def test_refused(self) -> None:
        """Each mistake is named, with its place."""
        for secrets, said in (
            ([{}], "Secrets[0].Name is missing"),
            ([{"Name": "a/b"}], "Secrets[0].Name: secret name"),
            ([{"Name": "a", "Target": "b"}], "the whole path"),
            ([{"Name": "a", "Target": "/"}], "the whole path"),
            ([{"Name": "a", "Target": "/x/../b"}], "the whole path"),
            ([{"Name": "a", "Target": "//b"}], "the whole path"),
            ([{"Name": "a", "Target": "/b", "Env": "B"}], "has Target and Env"),
            ([{"Name": "a", "Env": "B=C"}], "the name of a variable"),
            ([{"Name": "a", "Env": "B"}, {"Name": "c", "Env": "B"}], "'B' is given twice"),
            ([{"Name": "a"}, {"Name": "a"}], "is given twice"),
            ([{"Name": f"a{number}"} for number in range(MOST_SECRETS + 1)], "write at most 32"),
            ([{"Name": "a", "Value": "x"}], "Value is not a known key"),
        ):
            with self.assertRaises(BadInput) as caught:
                using(*secrets)
            self.assertIn(said, str(caught.exception))

    def test_variable_twice(self) -> None:
        """A variable that the container has anyway cannot be a secret too."""
        with self.assertRaisesRegex(BadInput, "variable TOKEN is in Container.Env as well"):
            using({"Name": "a", "Env": "TOKEN"}, Container={"Env": ["X=1", "TOKEN=2"]})

    def test_digest(self) -> None:
        """Another stamp, place or secret needs other containers; another key for the same value does not."""
        plain, made = definition(), using({"Name": "a", "Env": "A"})
        present = {"a": ("s1", "k1")}

        def digest(of: Definition, **stamps: tuple[str, str]) -> str:
            return evolve(of, secrets=stamped(of.secrets, stamps)).digest

        one = digest(made, **present)
        self.assertEqual(one, digest(made, a=("s1", "k2"), b=("s9", "k1")))
        others = [plain.digest, digest(made), digest(made, a=("s2", "k1"))]
        others += [digest(using({"Name": "a"}), **present), digest(using({"Name": "a", "Env": "B"}), **present)]
        self.assertEqual(len({one, *others}), 6)
        self.assertEqual(using().digest, plain.digest)
