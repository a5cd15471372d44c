"""A headless Chromium for tests that look at the page: Debian's own browser and driver, nothing fetched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

CHROMIUM = "/usr/bin/chromium"
CHROMEDRIVER = "/usr/bin/chromedriver"
DEADLINE_S = 20
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip


class Browser:
    """One window. Everything here blocks: call it through `asyncio.to_thread` when the page is served by this loop."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, address: str) -> None:
        """Load it."""
        self.driver.get(address)

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """The first true value of `condition`; AssertionError names `what` and quotes the page."""
        try:
            return WebDriverWait(self.driver, DEADLINE_S, poll_frequency=0.05).until(lambda _: condition())
        except Exception as error:
            raise AssertionError(f"the page never showed {what}; it shows:\n{self.text()}") from error

    def see(self, *texts: str) -> None:
        """Wait until all `texts` stand on the page."""
        self.wait(lambda: all(text in self.text() for text in texts), repr(texts))

    def text(self, selector: str = "body") -> str:
        """What a person can read there."""
        found = self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)
        assert isinstance(found, str)
        return found

    def run(self, script: str, *arguments: object) -> Any:
        """The script's return value."""
        return self.driver.execute_script(script, *arguments)

    def size(self, width: int, height: int) -> None:
        """The page's size in CSS pixels, whatever the least width of a window is."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def scheme(self, name: str) -> None:
        """`dark` or `light`, as the operating system would say it."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def shoot(self, path: Path) -> Path:
        """A picture of the window."""
        assert self.driver.save_screenshot(str(path)), path
        return path

    def complaints(self) -> list[str]:
        """Errors and warnings of the console since the last call."""
        return [f"{entry['level']} {entry['message']}" for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses that the page asked for since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """A browser with an empty profile in `folder`."""
    for program in (CHROMIUM, CHROMEDRIVER):
        assert shutil.which(program), (
            f"{program} is missing: run tools/test, or apt-get install chromium chromium-driver"
        )
    options = Options()
    options.binary_location = CHROMIUM
    for flag in (*_FLAGS, f"--user-data-dir={folder / 'profile'}", "--lang=en-US", "--window-size=1280,800"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
