"""From files to one project."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.compose.loading import DEEPEST
from daprdockr.model.errors import BadInput
from tests.build.compose_samples import project

WEB = "services: {web: {image: web}}"


class LoadingTests(SynchronousTestCase):
    """Files in memory."""

    def names(
        self, text: str, files: dict[str, str] | None = None, profiles: str = "", **environment: str
    ) -> list[str]:
        found = project({"compose.yaml": text, **(files or {})}, environment, profiles)
        return [str(one.name) for one in found.definitions]

    def wrong(self, text: str, files: dict[str, str] | None = None) -> str:
        return str(self.assertRaises(BadInput, project, {"compose.yaml": text, **(files or {})}))

    def test_name(self) -> None:
        """The group is the environment's name, the file's own, or the directory's: in the order of Compose."""
        self.assertEqual(["web.my-app"], self.names(f"name: My_App\n{WEB}"))
        self.assertEqual(["web.other"], self.names(WEB, COMPOSE_PROJECT_NAME="other"))
        self.assertEqual(["web.other"], self.names(f"name: My_App\n{WEB}", COMPOSE_PROJECT_NAME="other"))
        self.assertEqual(["web.dotted"], self.names(WEB, {".env": "COMPOSE_PROJECT_NAME=dotted"}))
        self.assertEqual(["web.shop"], self.names(WEB))

    def test_name_as_variable(self) -> None:
        """A file may use the name of its project, wherever it is from, as Compose lets it."""
        web = "services: {web: {image: 'web:${COMPOSE_PROJECT_NAME}'}}"
        for text, environment, name in (
            (f"name: ${{N}}-app\n{web}", {"N": "my"}, "my-app"),
            (f"name: My_App\n{web}", {}, "my_app"),
            (web, {"COMPOSE_PROJECT_NAME": "other"}, "other"),
            (web, {}, "shop"),
        ):
            found = project({"compose.yaml": text}, environment)
            self.assertEqual([f"web:{name}"], [one.container.image for one in found.definitions])
            self.assertEqual([], list(found.findings))

    def test_environment_first(self) -> None:
        """A variable of the environment has precedence over the one of ``.env``."""
        text = "name: ${N}\n" + WEB
        self.assertEqual(["web.e"], self.names(text, {".env": "N=f"}, N="e"))
        self.assertEqual(["web.f"], self.names(text, {".env": "N=f"}))

    def test_profiles(self) -> None:
        """A service with profiles is there if one of them is wanted."""
        text = "services: {web: {image: a}, lab: {image: b, profiles: [lab, x]}}"
        self.assertEqual(["web.shop"], self.names(text))
        for profiles, environment in (("lab", {}), ("*", {}), ("", {"COMPOSE_PROFILES": "y, x"})):
            self.assertEqual(["web.shop", "lab.shop"], self.names(text, None, profiles, **environment))
        self.assertIn("there is no service", self.wrong("services: {lab: {image: b, profiles: [lab]}}"))

    def test_extends(self) -> None:
        """A service that another one extends has to be there, and must not go round in a circle."""
        self.assertEqual(
            "compose.yaml:1: services.web.extends: there is no service 'no' in /shop/compose.yaml: name one",
            self.wrong("services: {web: {extends: no}}"),
        )
        circle = "services: {a: {extends: b}, b: {extends: {service: a}}}"
        self.assertIn(f"more than {DEEPEST} services", self.wrong(circle))
        self.assertEqual(
            "compose.yaml:1: services.a.extends.file: there is no file '/shop/base.yaml': make it, or leave it out",
            self.wrong("services: {a: {extends: {file: base.yaml, service: b}}}"),
        )

    def test_include(self) -> None:
        """An included service must not be defined otherwise, and files must not go round in a circle."""
        self.assertEqual(["web.shop"], self.names(f"include: [a.yaml]\n{WEB}", {"a.yaml": WEB}))
        self.assertEqual(
            "compose.yaml:1: include: there is no file '/shop/a.yaml': make it, or leave it out",
            self.wrong("include: [a.yaml]"),
        )
        other = "services:\n  web: {image: other}"
        self.assertEqual(
            "a.yaml:2: services.web: it is defined in the file too that includes it: rename one of them",
            self.wrong(f"include: [a.yaml]\n{WEB}", {"a.yaml": other}),
        )
        self.assertIn("goes round in a circle", self.wrong("include: [compose.yaml]"))
        self.assertIn("include: path is missing", self.wrong("include: [{env_file: a}]"))

    def test_bounds(self) -> None:
        """The number of files and of services is bounded."""
        many = "include: [" + "a.yaml, " * 101 + "]"
        self.assertIn("more than 100 files", self.wrong(many, {"a.yaml": "name: a"}))
        services = "".join(f"  s{number}: {{image: a}}\n" for number in range(1001))
        self.assertIn("more than 1000 services", self.wrong(f"services:\n{services}"))

    def test_forms(self) -> None:
        """Parts of a file are mappings."""
        self.assertEqual(
            "compose.yaml:1: services: is not usable, write a mapping of names", self.wrong("services: [a]")
        )
        self.assertEqual("compose.yaml:1: services.a: is not usable, write a mapping", self.wrong("services: {a: }"))
        self.assertIn("there is no service", self.wrong("volumes: {a: }"))

    def test_unset_elsewhere(self) -> None:
        """A variable of a service whose profile is not wanted does not count, unless another one is made of it."""

        def found(text: str, files: dict[str, str] | None = None, profiles: str = "") -> list[str]:
            return [one.path for one in project({"compose.yaml": text, **(files or {})}, {}, profiles).findings]

        lab = "lab: {image: b, profiles: [lab], environment: ['A=$X']}"
        text = f"services: {{web: {{image: a}}, {lab}}}"
        self.assertEqual([], found(text))
        self.assertEqual(["services.lab.environment[0]"], found(text, profiles="lab"))
        self.assertEqual(
            ["services.web.user"],
            found(f"services: {{{lab}, web: {{image: a, user: $X}}}}"),
        )
        extended = (
            f"services: {{{lab}, mid: {{extends: lab, profiles: [mid]}}, web: {{extends: mid, profiles: !reset []}}}}"
        )
        self.assertEqual(["services.lab.environment[0]"], found(extended))
        self.assertEqual([], found(f"services: {{{lab}, mid: {{extends: lab}}, web: {{image: a}}}}"))
        other = "services: {web: {image: a}, lab: {extends: {file: base.yaml, service: x}, profiles: [lab]}}"
        base = {"base.yaml": "services: {x: {image: x, user: $X}}"}
        self.assertEqual([], found(other, base))
        self.assertEqual(["services.x.user"], found(other, base, "lab"))
        wrong = text.replace("$X", "${X:?set it}")
        self.assertEqual([], found(wrong))
        self.assertIn("variable X is not set: set it", str(self.assertRaises(BadInput, found, wrong, None, "lab")))

    def test_unset(self) -> None:
        """A variable that is not set is found, with its first place."""
        found = project({"compose.yaml": "services:\n  web:\n    image: web:1\n    user: $WHO\n    hostname: $WHO"})
        (one,) = found.weighty
        self.assertEqual(
            "compose.yaml:4: services.web.user: variable WHO is not set, it counts as empty: set it, or write ${WHO:-}",
            str(one),
        )

    def test_unset_idle(self) -> None:
        """A variable of which nothing is made is named, and refuses no file; unless a service has it too."""
        top = {
            "x-common: &c\n  user: ${WHO}": "x-common.user",
            "networks:\n  back: {name: $WHO, external: true}": "networks.back.name",
        }
        for text, path in top.items():
            found = project({"compose.yaml": f"{text}\n{WEB}"})
            self.assertEqual([path], [one.path for one in found.findings])
            self.assertEqual([], found.weighty)
        for text in (
            f"{next(iter(top))}\nservices: {{web: {{image: w, <<: *c}}}}",
            f"volumes: {{a: {{name: $A}}}}\n{WEB}",
        ):
            self.assertEqual(1, len(project({"compose.yaml": text}).weighty))
        self.assertEqual(["web.shop"], self.names("x-a: '${A:?no}'\n" + WEB))
