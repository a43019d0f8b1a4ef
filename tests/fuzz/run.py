"""A run that fuzzes one value after the other, the faults it found, and how often each kind was tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from tests.fuzz.files import FileFuzz
from tests.fuzz.keys import KeyFuzz
from tests.fuzz.scene import Hearing, Scene

FILES = 0.3
"""Share of the values that are files."""

PROOF = 1000
"""Values after which the agent has to show that it still works."""


HISTORY = 40
"""Values after which etcd forgets what was before."""

MOST_FOUND = 20


class Fuzz:
    """One run; ``found`` has each fault with the value that caused it, and ``say`` is called at once."""

    def __init__(self, seed: int, say: Callable[[str], None] = lambda line: None) -> None:
        self._random = Random(seed)
        self._seed = seed
        self._say = say
        self.scene = Scene()
        self._keys, self._files = KeyFuzz(self._random, self.scene), FileFuzz(self._random, self.scene)
        self.tried: Counter[str] = Counter()
        self.found: list[str] = []

    def run(self, values: int) -> None:
        for number in range(1, values + 1):
            self._one(number)
            if len(self.found) >= MOST_FOUND:
                return
            if number % HISTORY == 0:
                self.scene.forget()
            if number % PROOF == 0 or number == values:
                self._prove(number)
        self.scene.close()

    def _one(self, number: int) -> None:
        kind = "file" if self._random.random() < FILES else "key"
        self.tried[kind] += 1
        fuzz = self._files if kind == "file" else self._keys
        with Hearing() as heard:
            try:
                if kind == "file":
                    self._keys.put_back()  # an agent that starts has not seen what was there before
                fuzz.try_one()
                wrong = self.scene.wrong()
            except Exception as error:
                wrong = f"an agent would be down: {error!r}"
        if heard.tracebacks:
            wrong = f"{wrong} traceback: {heard.tracebacks[0][-600:]}"
        if wrong:
            self._report(number, fuzz.what, wrong)

    def _prove(self, number: int) -> None:
        self._say(f"{number} values")
        self._keys.put_back()
        wrong = self.scene.works()
        if wrong:
            self._report(number, "the values before", wrong)

    def _report(self, number: int, what: str, wrong: str) -> None:
        """The next values begin with a new scene, for this one is spoiled."""
        self.found.append(f"seed {self._seed} value {number}: {what}: {wrong}")
        self._say(self.found[-1])
        self.scene.close()
        self.scene = Scene()
        self._keys, self._files = KeyFuzz(self._random, self.scene), FileFuzz(self._random, self.scene)
