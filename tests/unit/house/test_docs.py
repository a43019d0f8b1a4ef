"""The documents are true as far as it can be read from the code: nothing is left out, nothing is made up."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from docutils import nodes
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.arguments.agent_parameters import FLAGS, PARAMETERS
from daprdockr.arguments.options import Options
from daprdockr.cli import manual, outcome, reference
from daprdockr.cli.command import ACTIONS, WORDS
from daprdockr.cli.flags import ALL
from daprdockr.cli.parse import read_request
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.engine_fields import CONFIG_FIELDS, HOST_FIELDS
from daprdockr.model.wanted.health import Health
from daprdockr.model.wanted.update import Update
from daprdockr.wiring.real import pools
from tests.unit.house.keys import LEAST, OPTIONAL_PARTS, known_keys
from tests.unit.house.pages import (
    AGENT,
    ARCHITECTURE,
    COMMAND_LINE,
    DEFINITION,
    DESIGN,
    GUIDE,
    LINKED,
    PAGES,
    PERFORMANCE_LOG,
    README,
    REFERENCE,
    literals,
    read,
    rows,
    section,
)
from tests.unit.house.rooms import FLOORS, ROOMS
from tests.unit.house.sources import CHECKOUT

BREAKS = "<>|;&"
A_FILE_OF_OURS = re.compile(r"[a-z][\w.-]*(?:/[\w.-]+)+\.(?:py|rst|json|env|service|j2)", re.ASCII)
OF_OTHER_PROGRAMS = {"-flag", "--constraint", "--listen-client-urls", "--mount", "--name", "--pidfile", "--user"}
"""Options of etcd, Docker and twistd that the pages for users name, and an example."""


def command_lines(page: Path) -> Iterator[list[str]]:
    """The words of each command that an example block types, up to a pipe or redirection."""
    for block in read(page)[0].findall(nodes.literal_block):
        for line in re.sub(r"\\\n", " ", block.astext()).splitlines():
            lexer = shlex.shlex(re.sub(r"^[a-z0-9]*# ", "", line), posix=True, punctuation_chars=BREAKS)
            lexer.whitespace_split = True
            yield list(takewhile(lambda word: not set(word) <= set(BREAKS), lexer))


def distribution(argument: str) -> object:
    """The value that ``setup.py`` gives to ``setup`` under that name."""
    tree = ast.parse((CHECKOUT / "setup.py").read_text(encoding="utf-8"))
    found = (n.value for n in ast.walk(tree) if isinstance(n, ast.keyword) and n.arg == argument)
    return ast.literal_eval(next(found))


class FormTests(SynchronousTestCase):
    """All pages."""

    def test_well_formed(self) -> None:
        """docutils reads each page without a warning."""
        self.assertEqual([], [complaints for page in PAGES if (complaints := read(page)[1])])

    def test_links(self) -> None:
        """A link to a file leads to one."""
        targets = [
            (page, reference["refuri"])
            for page in PAGES
            for reference in read(page)[0].findall(nodes.reference)
            if "refuri" in reference and ":" not in reference["refuri"]
        ]
        self.assertTrue(targets)
        self.assertEqual([], [target for page, target in targets if not (page.parent / target).is_file()])

    def test_files_named(self) -> None:
        """A file that a page names is there, from the checkout's root or from the package's."""
        named = {(page.name, text) for page in PAGES for text in literals(read(page)[0])}
        missing = [
            (page, text)
            for page, text in sorted(named)
            if A_FILE_OF_OURS.fullmatch(text)
            and not (CHECKOUT / text).is_file()
            and not (CHECKOUT / "daprdockr" / text).is_file()
        ]
        self.assertEqual([], missing)

    def test_every_page_is_linked(self) -> None:
        """The README leads to each page of the documents."""
        links = {ref["refuri"] for ref in read(README)[0].findall(nodes.reference) if "refuri" in ref}
        self.assertEqual(set(), {str(page.relative_to(CHECKOUT)) for page in LINKED} - links)

    def test_log_has_dates(self) -> None:
        """Each entry of the log of figures begins with a date, the newest first."""
        titles = [part[0].astext() for part in read(PERFORMANCE_LOG)[0].findall(nodes.section)]
        dates = [re.match(r"\d{4}-\d\d-\d\d", title) for title in titles]
        self.assertTrue(dates and all(dates), titles)
        days = [found[0] for found in dates if found]
        self.assertEqual(sorted(days, reverse=True), days)


class ReferenceTests(SynchronousTestCase):
    """The pages in docs/reference, and what README and guide type."""

    def test_options(self) -> None:
        """Its table has the options of the agent and no others, with their defaults and environment variables."""
        told = {row[0].split()[0].removeprefix("--"): row[1:] for row in rows(AGENT, "Options of the agent")}
        self.assertEqual({row.name for row in PARAMETERS} | set(FLAGS), set(told))
        for row in PARAMETERS:
            default, meaning = told[row.name]
            if row.default is not None:
                self.assertEqual(row.default.split(","), default.split(", "))
            self.assertEqual([row.variable] if row.variable else [], re.findall(r"env (\w+)", meaning), row.name)

    def test_named(self) -> None:
        """Each option that a page for users names is one of the agent, of the command line, or of another program."""
        known = {f"--{name}" for name in (*FLAGS, *(row.name for row in PARAMETERS))} | OF_OTHER_PROGRAMS
        known |= {f"-{name}" for name in (*ACTIONS, *(flag.name for flag in ALL))}
        pages = (README, *GUIDE, *REFERENCE.glob("*.rst"))
        texts = [(page.name, text) for page in pages for text in literals(read(page)[0])]
        named = [(page, found[0]) for page, text in texts if (found := re.match(r"--?[a-z][a-z-]+", text))]
        self.assertIn("--allow", {option for _, option in named})
        self.assertEqual([], [(page, option) for page, option in named if option not in known])

    def test_flags_and_commands(self) -> None:
        """Its table has the flags and commands of the command line and no others."""
        table = next(section(COMMAND_LINE, "The command line").findall(nodes.tbody))
        flags = {*ACTIONS, *(flag.name for flag in ALL)}
        told = {text[1:] for text in literals(table) if re.match(r"-[a-z]", text)}
        self.assertEqual(flags, told)
        first = [row[0].split()[0] for row in rows(COMMAND_LINE, "The command line")]
        self.assertEqual(set(WORDS), {word for word in first if not word.startswith("-")})

    def test_table_of_commands(self) -> None:
        """The table is the one that is made from the declarations: ``python -m daprdockr.cli.reference`` renews it."""
        page = COMMAND_LINE.read_text(encoding="utf-8")
        self.assertIn(reference.table(), page)
        self.assertEqual(reference.renewed(page), page)

    def test_exit_statuses(self) -> None:
        """Its table has every exit status, and so has the page of help."""
        statuses = {value for name, value in vars(outcome).items() if name.isupper() and isinstance(value, int)}
        self.assertEqual(statuses, {int(row[0]) for row in rows(COMMAND_LINE, "The command line", table=1)})
        (told,) = re.findall("^Exit status: (.*)$", manual.text(), re.MULTILINE)
        self.assertEqual(statuses, {int(status) for status in re.findall(r"\d+", told)})

    def test_variables(self) -> None:
        """Each variable of the environment that it names is in the page of help, or in the help of a command."""
        told = {text for text in literals(read(COMMAND_LINE)[0]) if re.fullmatch(r"[A-Z]+(?:_[A-Z]+)+", text)}
        helped = manual.text() + "".join(map(manual.of_command, WORDS))
        self.assertTrue(told)
        self.assertEqual(set(), {name for name in told if name not in helped})

    def test_definition_keys(self) -> None:
        """Its table has every key of a definition and no other."""
        told = {row[0] for row in rows(DEFINITION, "Definition of a service")}
        parts = {key for part in OPTIONAL_PARTS for key in known_keys(part)}
        self.assertEqual(known_keys("") - set(OPTIONAL_PARTS) | parts, told)

    def test_definition_defaults(self) -> None:
        """The defaults in its table are those that count."""
        told = {row[0]: row[2] for row in rows(DEFINITION, "Definition of a service")}
        plain = Definition.read(LEAST)
        self.assertEqual(str(plain.instances), told["Instances"])
        self.assertEqual(plain.on_partition, told["OnPartition"])
        self.assertEqual(str(plain.stop_timeout), told["StopTimeout"])
        for part in (Health(), Update()):
            keys = "Path Interval Timeout Retries Order Parallelism Min_Healthy Deadline On_Failure Drain"
            for key in keys.split():
                if hasattr(part, key.lower()):
                    name = f"{type(part).__name__}.{key.replace('_', '')}"
                    self.assertEqual(str(getattr(part, key.lower())), told[name], name)

    def test_container_fields(self) -> None:
        """It lists the Engine's fields that are passed on."""
        quotes = section(DEFINITION, "Definition of a service").findall(nodes.block_quote)
        listed = next(quotes).astext().replace("\n", " ").split(", ")
        self.assertEqual(sorted({*CONFIG_FIELDS, *HOST_FIELDS}), sorted(listed))

    def test_examples(self) -> None:
        """Its examples of definitions can be used."""
        pages = (README, DEFINITION, *GUIDE)
        blocks = [block.astext() for page in pages for block in read(page)[0].findall(nodes.literal_block)]
        examples = [Definition.parse(block.encode()) for block in blocks if block.startswith("{")]
        self.assertTrue(examples)

    def test_answers_of_why(self) -> None:
        """An answer of ``why`` in an example names the revision, as the command does."""
        typed = re.compile(r"(?m)^\w*# daprdockrcmd why .*\n((?:(?!\w*# ).*\n?)+)")
        blocks = [block.astext() for page in PAGES for block in read(page)[0].findall(nodes.literal_block)]
        answers = [answer for block in blocks for answer in typed.findall(block)]
        self.assertTrue(answers)
        self.assertEqual([], [one for one in answers if not re.search(r"(?m)^revision \d+, stored ", one)])

    def test_programs_typed(self) -> None:
        """A program of the environment that the guide types by its name alone is one that *Installing* links."""
        lines = [words for page in GUIDE for words in command_lines(page) if words]
        linked = {Path(word).name for words in lines if words[:2] == ["ln", "-s"] for word in words[2:-1]}
        self.assertIn("daprdockrcmd", linked)
        self.assertEqual(set(), {words[0] for words in lines} & {"pip", "python", "twistd", "daprdockrd"} - linked)

    def test_commands_typed(self) -> None:
        """The commands of its examples are understood by agent and command line."""
        agents = commands = 0
        Path("root.password").write_text("secret\n")  # the guide makes it
        for words in (words for page in (README, *GUIDE) for words in command_lines(page)):
            if words[:1] in (["twistd"], ["daprdockrd"]):
                agents += 1
                given = words[words.index("daprdockr") + 1 :] if words[0] == "twistd" else words[1:]
                Options({"HOST_IP": "192.0.2.1"}).parseOptions([*given, "--node", "host1"])
            elif words[:1] == ["daprdockrcmd"]:
                commands += 1
                read_request(["-i" if word == "-it" else word for word in words[1:]], {})  # no terminal is here
        self.assertTrue(agents and commands)


class DesignTests(SynchronousTestCase):
    """The pages in docs/design."""

    def test_rooms(self) -> None:
        """The list of rooms is the one that the imports are held to."""
        told = {name: int(row[0]) for row in rows(ARCHITECTURE, "The rooms") for name in row[1].split(", ")}
        self.assertEqual(dict(ROOMS), told)

    def test_rooms_are_drawn(self) -> None:
        """The picture of the rooms has each at its level."""
        picture = next(section(ARCHITECTURE, "The rooms").findall(nodes.literal_block)).astext()
        drawn, level = {}, -1
        for line in picture.splitlines():
            level = int(line[:1].strip() or level)
            drawn.update(dict.fromkeys(re.findall(r"(?<=│) +(\w+) +(?=│)", line), level))
        self.assertEqual(dict(ROOMS), drawn)

    def test_floors(self) -> None:
        """The list of folders within the rooms names each of them, in the order that the imports are held to."""
        told = {row[0]: [floor.split(", ") for floor in row[1].split("; ")] for row in rows(ARCHITECTURE, "The floors")}
        self.assertEqual({room: [list(level) for level in levels] for room, levels in FLOORS.items()}, told)

    def test_threads(self) -> None:
        """The table of threads has each pool, with its size for one thread of ``--docker-workers``."""
        told = {name: size for name, size, _ in rows(ARCHITECTURE, "Threads")}
        for pool in pools(reactor=None, docker_workers=1).all:
            self.assertRegex(told.pop(str(pool.name), ""), rf"^{pool.size}\b", pool.name)
        self.assertEqual(set(told), {"reactor", "follower", "events"})

    def test_dependencies(self) -> None:
        """Each package that setup.py asks for has its line of reason, with the version it is asked for in."""
        page = DESIGN / "dependencies.rst"
        told = {title: ["".join(row[:2]) for row in rows(page, title)] for title in ("To run", "To develop")}
        extras = distribution("extras_require")
        assert isinstance(extras, dict)
        self.assertEqual({"To run": distribution("install_requires"), "To develop": extras["dev"]}, told)
