"""
A browser for tests: Debian's Chromium without a screen, and what it makes of a page.

It is asked by the protocol of its own developer tools as well, which knows what no script of a page can: how long
scripts ran, and what a policy forbade.
"""

from __future__ import annotations

import atexit
import base64
import functools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.rig.docker_engine import until

_ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server")
_AXE = "axe.run(document, {resultTypes: ['violations']}).then(found => JSON.stringify(found.violations))"


def missing() -> str | None:
    """Why tests with a browser are skipped; None to run them, which fails loudly where ``CI`` is set."""
    if os.environ.get("CI") or (shutil.which("chromium") and shutil.which("chromedriver")):
        return None
    return "chromium and chromedriver are not installed (Debian: chromium, chromium-driver)"


@functools.cache
def shared() -> Browser:
    """A browser for all tests, one after another; it takes two seconds to start, and ends with Python."""
    browser = Browser()
    atexit.register(browser.close)
    return browser


class Browser:
    """One window."""

    def __init__(self) -> None:
        options = ChromeOptions()
        options.binary_location = shutil.which("chromium") or "chromium"
        for argument in _ARGUMENTS:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self._leavings = tempfile.TemporaryDirectory()  # Chromium does not remove all that it puts there
        program, environment = shutil.which("chromedriver"), {**os.environ, "TMPDIR": self._leavings.name}
        self._driver = Chrome(options=options, service=Service(program, env=environment))

    def close(self) -> None:
        self._driver.quit()
        self._leavings.cleanup()

    def open(self, url: str, *, width: int = 1440, dark: bool = False, scripts: bool = True) -> None:
        """Open a page in a window of this width, for somebody who likes light or dark, and forget what was said."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.command("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.command("Emulation.setEmulatedMedia", features=scheme)
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.command("Emulation.setDeviceMetricsOverride", **screen)
        self.said()
        self._driver.get(url)

    @contextmanager
    def beginning(self, script: str) -> Iterator[None]:
        """Run a script in each page that is opened meanwhile, before its own."""
        known = self.command("Page.addScriptToEvaluateOnNewDocument", source=script)
        yield
        self.command("Page.removeScriptToEvaluateOnNewDocument", **known)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Leave each request that begins meanwhile without an answer until the end."""
        self.command("Fetch.enable")
        try:
            yield
        finally:
            self.command("Fetch.disable")

    def command(self, name: str, **parameters: Any) -> dict[str, Any]:
        """Ask by the protocol of the developer tools."""
        return dict(self._driver.execute_cdp_cmd(name, parameters))

    def run(self, script: str) -> Any:
        """Return the value of a script's expression."""
        answer = self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{script[:200]}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def words(self, selector: str) -> list[str]:
        """Return the text of each element, white space collapsed."""
        found = self.run(f"[...document.querySelectorAll({json.dumps(selector)})].map(one => one.textContent)")
        return [" ".join(text.split()) for text in found]

    def until(self, selector: str, words: str, wait: float = 60.0) -> None:
        """Wait until some element has these words."""
        until(lambda: any(words in text for text in self.words(selector)), wait, lambda: f"{self.words(selector)}")

    def said(self) -> list[str]:
        """Return what the browser complained of since: errors of scripts, and what the page's policy forbade."""
        return [str(line["message"]) for line in self._driver.get_log("browser")]

    def violations(self) -> list[str]:
        """Return what axe-core finds, a line each."""
        self.run((files("selenium_axe_python") / "axe-core" / "axe.min.js").read_text("utf-8"))
        found = json.loads(self.run(_AXE))
        return [f"{one['id']}: {[node['target'] for node in one['nodes']][:3]}" for one in found]

    def overflows(self) -> bool:
        """Return whether the page is wider than its window."""
        return bool(self.run("document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    def picture(self, path: Path, height: int = 900) -> None:
        """Write what it shows to a file."""
        width = self.run("window.innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        answer = self.command("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(answer["data"]))
