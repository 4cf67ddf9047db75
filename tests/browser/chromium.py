"""Debian's Chromium, driven by selenium: pages opened from a file, with what they log and ask for kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import require_tool, skip_or_fail

PATIENCE = 30
"""Seconds that the page has for anything; a machine that is busy with other tests needs some of them."""


def selenium() -> Any:
    """selenium's webdriver; without it the module is skipped, or fails where every tool is asked for."""
    try:
        from selenium import webdriver
    except ImportError:
        skip_or_fail("selenium is not installed")
    return webdriver


@contextmanager
def chromium(width: int = 1440, height: int = 900) -> Iterator[Any]:
    """A browser without a screen and without network."""
    webdriver = selenium()
    binary, driver = require_tool("chromium"), require_tool("chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-extensions",
        "--disable-background-networking", "--force-color-profile=srgb", "--lang=en",
        "--host-resolver-rules=MAP * ~NOTFOUND", f"--window-size={width},{height}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield found
    finally:
        found.quit()


class Window:
    """One page in the browser, as somebody who looks at it and types."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def size(self, width: int, height: int, scale: float = 1) -> None:
        """The window's own size, whatever the screen has."""
        values = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", values)

    def prefers(self, scheme: str) -> None:
        """Light or dark, as a system would say it."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def open(self, path: Path, fragment: str = "") -> Window:
        """Open a file and wait until it can be used."""
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(path.as_uri() + fragment)
        self.until(lambda: self.js("return document.documentElement.dataset.ready") == "yes")
        return self

    def js(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def until(self, true: Callable[[], Any]) -> Any:
        """Wait for it."""
        end = time.monotonic() + PATIENCE
        while True:
            found = true()
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(
                    f"not within {PATIENCE} s; the page logged {self.driver.get_log('browser')}"
                )
            time.sleep(0.03)

    def all(self, selector: str) -> list[Any]:
        from selenium.webdriver.common.by import By

        found: list[Any] = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return found

    def one(self, selector: str) -> Any:
        found = self.all(selector)
        assert len(found) == 1, f"{len(found)} of {selector}"
        return found[0]

    def text(self, selector: str) -> str:
        return str(self.js("return document.querySelector(arguments[0]).textContent", selector))

    def press(self, *keys: str) -> None:
        """Keys to whatever has the focus."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def focus(self) -> str:
        """The id of what has the focus."""
        return str(self.js("return document.activeElement.id"))

    def complaints(self) -> list[str]:
        """What the page has logged: errors, and breaches of its policy."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that the page has asked for."""
        out = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                out.append(message["params"]["request"]["url"])
        return out
