"""What a round acts on, made before it begins: accounts, recordings, links, sessions, keys and calls."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from tests.failover.requests import Door, Reply
from tests.support.tenant import WITHOUT_EVIDENCE, tone

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
#: Seconds within which an upload becomes available.
PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A link, and a session that was opened with it."""

    recording: str
    link: str
    #: The path of the link's page.
    page: str
    #: The path of the session, and its cookie.
    session: str
    cookie: str


@dataclass(slots=True, kw_only=True)
class Stage:
    """Subjects, each for one act. An act removes its subject."""

    #: Accounts on which calls start and recordings come in.
    accounts: Sequence[str]
    #: Accounts whose switch is on, each with what will be switched off once.
    switches: list[str] = field(default_factory=list)
    erasures: list[str] = field(default_factory=list)
    restrictions: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    keys: list[Mapping[str, Any]] = field(default_factory=list)
    shared: list[Shared] = field(default_factory=list)
    #: A recording that everybody listens to.
    heard: str = ""

    @property
    def home(self) -> str:
        """Return the account that has the recordings."""
        return self.accounts[0]


def account_path(account: str, below: str = "") -> str:
    """Return a path below an account."""
    return f"/v1/accounts/{account}{below}"


def new_number() -> str:
    """Return a telephone number in Washington, D.C., where one party's consent is enough."""
    return f"+1202555{secrets.randbelow(10_000):04}"


def call_facts(number: str | None = None) -> dict[str, str]:
    """Return what a platform tells of a call that begins now."""
    return {
        "direction": "inbound",
        "from": number or "+12025550187",
        "to": "+12025550100",
        "started_at": datetime.now(UTC).isoformat(),
    }


def prepare(door: Door, size: int) -> Stage:
    """Make ``size`` subjects for each kind of act."""
    stage = Stage(accounts=[_open_account(door) for _ in range(3)])
    stage.switches = [_open_account(door) for _ in range(size)]
    audio = tone(1.0)
    uploads = [_upload(door, stage.home, audio) for _ in range(2 * size + 1)]
    for recording in uploads:
        wait_available(door, stage.home, recording)
    stage.heard = uploads.pop()
    stage.erasures, stage.restrictions = uploads[:size], uploads[size:]
    stage.shared = [share(door, stage.home, stage.heard) for _ in range(size)]
    for _ in range(size):
        call = f"asked-{secrets.token_hex(6)}"
        _good(door.rest("PUT", account_path(stage.home, f"/calls/{call}"), call_facts()))
        stage.calls.append(call)
        wanted = {"name": "round", "scopes": ["recordings:read"], "account": stage.home}
        stage.keys.append(_good(door.rest("POST", "/v1/keys", wanted)).said)
    return stage


def share(door: Door, account: str, recording: str) -> Shared:
    """Make a link to a recording and open a session with it."""
    path = account_path(account, f"/recordings/{recording}/links")
    link = _good(door.rest("POST", path, {"listener": "Kim", "sessions": 9})).said
    page = urlsplit(link["url"]).path
    opened = open_link(door, page)
    assert opened.status == 303, opened.body
    return Shared(
        recording=recording,
        link=link["id"],
        page=page,
        session=opened.headers["location"],
        cookie=opened.headers["set-cookie"].partition(";")[0],
    )


def open_link(door: Door, page: str) -> Reply:
    """Press the button on a link's page."""
    return door.send("POST", f"{page}/open", b"nonce=n", _FORM)


def wait_available(door: Door, account: str, recording: str) -> None:
    """Wait until a recording can be heard."""
    deadline = time.monotonic() + PATIENCE
    while (
        state := _good(door.rest("GET", account_path(account, f"/recordings/{recording}"))).said["state"]
    ) != ("available"):
        assert time.monotonic() < deadline, f"{recording} stays {state}"
        time.sleep(0.05)


def _open_account(door: Door) -> str:
    name = f"r{secrets.token_hex(6)}"
    _good(door.rest("PUT", account_path(name), {}))
    _good(door.rest("PATCH", account_path(name, "/consent-policy"), WITHOUT_EVIDENCE))
    return name


def _upload(door: Door, account: str, audio: bytes) -> str:
    ref = f"before-{secrets.token_hex(6)}"
    made: str = _good(door.put_audio(account_path(account, f"/calls/{ref}/recordings/{ref}"), audio)).said[
        "id"
    ]
    return made


def _good(reply: Reply) -> Reply:
    assert 200 <= reply.status < 300, (reply.status, reply.body)
    return reply
