"""Receivers of events as developers run them, each as a process: the examples, and `events listen`."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest

from tests.servers.ports import free_ports
from tests.servers.required import require
from vault.domain.events.endpoint import body_of
from vault.domain.outbox.message import Message
from vault.domain.outbox.signature import new_private_key, new_secret, signed_headers

EXAMPLES = Path(__file__).parents[1] / "examples"
SECRET = new_secret()
COMMANDS: Mapping[str, Callable[[int], list[str]]] = {
    "receive_events.py": lambda port: [sys.executable, "-I", str(EXAMPLES / "receive_events.py"), str(port)],
    "receive_events.mjs": lambda port: ["node", str(EXAMPLES / "receive_events.mjs"), str(port)],
    "listen": lambda port: [sys.executable, "-m", "vault", "events", "listen", "--port", str(port)],
}
LONGEST = 30


@contextmanager
def receiver(name: str, output: Path, secrets: str = SECRET) -> Iterator[str]:
    """Run a receiver; yield its URL."""
    (port,) = free_ports(1)
    environment = os.environ | {"EVENT_SECRET": secrets}
    with ExitStack() as stack:
        file = stack.enter_context(output.open("wb"))
        running = subprocess.Popen(
            COMMANDS[name](port), env=environment, stdout=file, stderr=subprocess.STDOUT
        )
        stack.callback(running.wait)
        stack.callback(running.kill)
        url = f"http://127.0.0.1:{port}/"
        until = monotonic() + LONGEST
        while True:
            try:
                httpx.get(url)
                break
            except httpx.TransportError:
                assert running.poll() is None, output.read_text()
                assert monotonic() < until
                sleep(0.05)
        yield url


def message(number: int, recording: str = "rec_1") -> Message:
    """Return the message about an event."""
    return Message(
        destination="events/ep_1", id=f"evt_{number}", account_id="acct_1", kind="events", type="recording.erased",
        at=datetime(2026, 2, 3, 10, tzinfo=UTC), content={"recording": recording, "sequence": str(number)},
    )  # fmt: skip


def send(url: str, number: int, *keys: str, at: timedelta = timedelta(), change: bytes = b"") -> int:
    """Send an event as the vault does; return the status of the answer."""
    body = body_of(message(number), is_erased=True)
    headers = signed_headers(keys or [SECRET], f"evt_{number}", body, at=datetime.now(UTC) + at)
    return httpx.post(url, content=body + change, headers=headers).status_code


@pytest.fixture(params=["receive_events.py", "receive_events.mjs"])
def example(request: pytest.FixtureRequest) -> str:
    """An example."""
    name: str = request.param
    if name.endswith(".mjs"):
        require("node", install="apt-get install nodejs")
    return name


def test_an_example_takes_each_event_once_and_in_order(example: str, tmp_path: Path) -> None:
    """Whatever the order in which they come, and however often; a signature v1a beside v1 changes nothing."""
    with receiver(example, tmp_path / "log") as url:
        statuses = [send(url, number) for number in (7, 9, 7, 10, 9)]
        assert send(url, 8, new_secret(), SECRET, new_private_key()) == 200
        assert statuses == [200] * 5
        printed = (tmp_path / "log").read_text()
    wanted = [f"{number} recording.erased rec_1" for number in (7, 8, 9, 10)]
    # Beside them are lines of Python's server for each request.
    assert [line for line in printed.splitlines() if "recording.erased" in line] == wanted


def test_an_example_loses_no_event_that_comes_after_the_next_one_at_its_begin(
    example: str, tmp_path: Path
) -> None:
    """Two are on their way at the same time, so the second one can be the first that a new receiver gets."""
    with receiver(example, tmp_path / "log") as url:
        assert [send(url, number) for number in (6, 5, 7)] == [200] * 3
        printed = (tmp_path / "log").read_text()
    wanted = [f"{number} recording.erased rec_1" for number in (6, 5, 7)]
    assert [line for line in printed.splitlines() if "recording.erased" in line] == wanted


@pytest.mark.parametrize("name", COMMANDS)
def test_what_the_vault_did_not_send_is_refused(name: str, tmp_path: Path) -> None:
    """With another secret, changed, old, early, without a signature: 401, and it is not printed."""
    if name.endswith(".mjs"):
        require("node", install="apt-get install nodejs")
    with receiver(name, tmp_path / "log") as url:
        assert send(url, 1, new_secret()) == 401
        assert send(url, 1, new_private_key()) == 401
        assert send(url, 1, change=b" ") == 401
        assert send(url, 1, at=timedelta(minutes=6)) == 401
        assert send(url, 1, at=timedelta(minutes=-6)) == 401
        assert httpx.post(url, content=b"{}").status_code == 401
        assert send(url, 1) == 200
        assert (tmp_path / "log").read_text().count("recording.erased") == 1


def test_listen_says_what_came_again_and_what_is_missing(tmp_path: Path) -> None:
    """For people: each event on a line with its ids, and why one was refused; both secrets of a rotation are good."""
    other = new_secret()
    with receiver("listen", tmp_path / "log", f"{SECRET} {other}") as url:
        for number, key in ((7, SECRET), (8, other), (8, SECRET), (11, other), (9, SECRET), (13, SECRET)):
            assert send(url, number, key) == 200
        assert send(url, 14, new_secret()) == 401
        assert httpx.post(url, content=b"x" * 20_001).status_code == 413
        test = json.dumps(
            {"type": "endpoint.test", "timestamp": "now", "data": {"endpoint": "ep_1"}}
        ).encode()
        assert httpx.post(
            url, content=test, headers=signed_headers([SECRET], "evt_2", test, at=datetime.now(UTC))
        ).is_success
        body = b'{"type": "\x1b[2Jfoo"}'
        assert httpx.post(
            url, content=body, headers=signed_headers([SECRET], "evt_1", body, at=datetime.now(UTC))
        ).is_success
    printed = (tmp_path / "log").read_text()
    lines = [line.split("acct_1")[-1].strip() for line in printed.splitlines() if "recording.erased" in line]
    assert lines == [
        "recording=rec_1", "recording=rec_1", "recording=rec_1  again", "recording=rec_1  missing 9 to 10",
        "recording=rec_1  late", "recording=rec_1  missing 12",
    ]  # fmt: skip
    assert re.search(r"^ +-   endpoint.test +now  endpoint=ep_1$", printed, re.MULTILINE)
    assert "refused   the secret has not signed it" in printed
    assert "\x1b" not in printed
    assert SECRET not in printed


@pytest.mark.parametrize(
    ("secret", "says"),
    [("", "Set EVENT_SECRET"), ("whsec_short", "24 to 64"), ("A" * 44, "whsec_")],
)
def test_listen_wants_a_secret(secret: str, says: str) -> None:
    """It never takes it as an argument, and never prints it."""
    environment = os.environ | {"EVENT_SECRET": secret, "COLUMNS": "200"}
    done = subprocess.run(
        COMMANDS["listen"](0), env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
    )
    assert done.returncode == 1
    assert says in done.stderr
    assert not secret or secret not in done.stderr


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    """As one that a secret store has put there; a file that is missing is named."""
    missing = tmp_path / "missing"
    command = [*COMMANDS["listen"](0), "--secret-file", str(missing)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    assert (done.returncode, str(missing) in done.stderr) == (1, True)
