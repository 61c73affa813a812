"""The commands of W3C WebDriver, sent to Firefox by its own port and to WebKitGTK by its driver.

Debian has no geckodriver, which only translates HTTP to Marionette, so Firefox is asked directly.
"""

import base64
import json
import socket
import time
from pathlib import Path
from typing import Any, Protocol

import httpx

PATIENCE = 60.0
#: The name that W3C WebDriver gives to a reference to an element.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
#: Keys that are no character, by their names in the DOM.
KEYS = {"End": "\ue010", "Home": "\ue011", "ArrowLeft": "\ue012", "ArrowRight": "\ue014"}
#: Where a command is sent over HTTP.
PATHS = {
    "Navigate": ("POST", "/url"),
    "ExecuteScript": ("POST", "/execute/sync"),
    "FindElement": ("POST", "/element"),
    "ElementClick": ("POST", "/element/{id}/click"),
    "PerformActions": ("POST", "/actions"),
    "SetWindowRect": ("POST", "/window/rect"),
    "TakeScreenshot": ("GET", "/screenshot"),
}


class Connection(Protocol):
    """Sends a command and returns its value; raises AssertionError with the browser's message."""

    def send(self, command: str, **parameters: Any) -> Any:
        """Send a command."""


class Marionette:
    """Firefox's own protocol: JSON arrays, each with its length before it."""

    def __init__(self, port: int) -> None:
        """Connect once Firefox listens, and begin a session."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "Firefox does not listen."
                time.sleep(0.05)
        self.stream = self.socket.makefile("rb")
        self.sent = 0
        self._read()  # Its greeting.
        self.send("NewSession")

    def send(self, command: str, **parameters: Any) -> Any:
        """Send a command and wait for its answer."""
        if command == "ExecuteScript":
            parameters["sandbox"] = None  # The page's own globals are seen and changed.
        self.sent += 1
        text = json.dumps([0, self.sent, f"WebDriver:{command}", parameters]).encode()
        self.socket.sendall(b"%d:%b" % (len(text), text))
        _, _, error, result = self._read()
        assert error is None, f"{command}: {error['message']}"
        return result.get("value")

    def close(self) -> None:
        """Close the connection."""
        self.stream.close()
        self.socket.close()

    def _read(self) -> Any:
        length = b""
        while (byte := self.stream.read(1)) not in (b":", b""):
            length += byte
        assert length, "Firefox has ended."
        return json.loads(self.stream.read(int(length)))


class HttpDriver:
    """A driver that speaks W3C WebDriver over HTTP."""

    def __init__(self, port: int, options: dict[str, Any]) -> None:
        """Begin a session once the driver listens."""
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.http.get("/status")
                break
            except httpx.ConnectError:
                assert time.monotonic() < deadline, "The driver does not listen."
                time.sleep(0.05)
        self.session = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": options}})["sessionId"]

    def send(self, command: str, **parameters: Any) -> Any:
        """Send a command and wait for its answer."""
        method, path = PATHS[command]
        return self._ask(method, f"/session/{self.session}{path.format(**parameters)}", parameters)

    def close(self) -> None:
        """End the session, and the browser with it."""
        self._ask("DELETE", f"/session/{self.session}", {})
        self.http.close()

    def _ask(self, method: str, path: str, body: dict[str, Any]) -> Any:
        answer = self.http.request(method, path, json=body if method == "POST" else None)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()["value"]


class WebDriverTab:
    """One tab of a browser that takes these commands."""

    def __init__(self, connection: Connection) -> None:
        """Take the tab that the session began with."""
        self.connection = connection

    def goto(self, url: str) -> None:
        """Load a page."""
        self.connection.send("Navigate", url=url)

    def run(self, expression: str) -> Any:
        """Evaluate an expression in the page."""
        return self.connection.send("ExecuteScript", script=f"return {expression}", args=[])

    def click(self, selector: str) -> None:
        """Click in the middle of an element."""
        found = self.connection.send("FindElement", using="css selector", value=selector)
        self.connection.send("ElementClick", id=found[ELEMENT])

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        value = KEYS.get(key, key)
        steps = [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        self._act({"type": "key", "id": "keyboard", "actions": steps})

    def drag(self, selector: str, *xs: float) -> None:
        """Press the mouse at the first share of an element's width, and let it go at the last."""
        box = self.run(f"(b => [b.x, b.y, b.width, b.height])({_element(selector)}.getBoundingClientRect())")
        points = [{"x": round(box[0] + x * box[2]), "y": round(box[1] + box[3] / 2)} for x in xs]
        moves = [{"type": "pointerMove", "duration": 0, **point} for point in points]
        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        steps = [moves[0], down, *moves[1:], up]
        self._act({"type": "pointer", "id": "mouse", "actions": steps})

    def resize(self, width: int, height: int) -> None:
        """Give the window a size."""
        self.connection.send("SetWindowRect", width=width, height=height)

    def screenshot(self, path: Path) -> None:
        """Write what is seen as PNG."""
        path.write_bytes(base64.b64decode(self.connection.send("TakeScreenshot")))

    def _act(self, source: dict[str, Any]) -> None:
        self.connection.send("PerformActions", actions=[source])


def _element(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)})"
