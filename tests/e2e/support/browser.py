"""A real browser: Debian's Chromium without a screen, told what to do over WebDriver (W3C) by its
chromedriver. Everything it keeps is in a folder of its own."""

import base64
import json
import re
import shutil
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from .processes import Process
from .waiting import SLOWNESS, wait_until

# As root there is no sandbox; and it is to talk to the page's server and to nobody else.
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-default-apps", "--disable-extensions", "--disable-dev-shm-usage",
         "--hide-scrollbars", "--no-default-browser-check", "--disable-crash-reporter",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of a WebDriver element
TAB, ENTER = "\ue004", "\ue007"


class Browser:
    """One window, from `with` to its end."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="runhook-browser-"))
        self.driver = None
        self.session = None

    def __enter__(self):
        chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
        assert chromium and driver, "the packages chromium and chromium-driver are missing"
        home = {"HOME": self.folder, "XDG_CONFIG_HOME": self.folder, "XDG_CACHE_HOME": self.folder}
        self.driver = Process([driver, "--port=0", "--allowed-ips=127.0.0.1"],
                              self.folder / "driver.out", env=home, cwd=self.folder)
        try:
            port = wait_until(self._port, "chromedriver listens", 30)
            self.url = f"http://127.0.0.1:{port}"
            options = {"binary": chromium, "args": [*FLAGS, f"--user-data-dir={self.folder}/data"]}
            answer = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": {
                "browserName": "chrome", "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL"}}}}, 60)
            self.session = f"/session/{answer['sessionId']}"
            self.version = answer["capabilities"]["browserVersion"]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if self.session:
                self._ask("DELETE", self.session)
        finally:
            self.driver.stop()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _port(self):
        assert self.driver.is_running, self.driver.output
        found = re.search(r"started successfully on port (\d+)", self.driver.output)
        return int(found.group(1)) if found else None

    def _ask(self, method, path, body=None, timeout_s=20):
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.url + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=timeout_s * SLOWNESS) as answer:
                return json.loads(answer.read())["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()[:2000]}") from None

    def do(self, method, path, body=None):
        return self._ask(method, self.session + path, body)

    def cdp(self, command, **parameters):
        """A command of Chromium's own protocol."""
        return self.do("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    # -- what a person does --------------------------------------------------------------------

    def show(self, *, width=1280, height=900, dark=False):
        """The window's size, and whether the person likes it dark."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=width < 600)
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def open(self, url):
        self.do("POST", "/url", {"url": url})

    def press(self, *keys):
        self.do("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": [
            {"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]}]})

    # -- what there is to see ------------------------------------------------------------------

    def run(self, script, *arguments):
        """What a script that the test brings returns: the page's own policy does not bind it."""
        return self.do("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    @property
    def title(self):
        return self.do("GET", "/title")

    @property
    def source(self):
        return self.do("GET", "/source")

    def console(self):
        """What the console said since the last time: errors, warnings, what a policy forbade."""
        return [f"{entry['level']}: {entry['message']}"
                for entry in self.do("POST", "/se/log", {"type": "browser"})]

    def fetched(self):
        """The URLs of all that the page had fetched for itself."""
        return self.run("return performance.getEntriesByType('resource').map(e => e.name)")

    def has_dialog(self):
        try:
            self.do("GET", "/alert/text")
        except AssertionError as error:
            assert "no such alert" in str(error), error
            return False
        return True

    def picture(self, path):
        """The whole page, as PNG."""
        answer = self.cdp("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        Path(path).write_bytes(base64.b64decode(answer["data"]))
