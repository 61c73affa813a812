"""A process that is killed while a directory tells that somebody left: all of it is done, or nothing of it."""

import contextlib
import http.client
import json
import secrets
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.dying_at import REACHED, WANTED
from tests.faults.dying_leaver import LEAVING
from tests.faults.server import MortalVault
from tests.support.raw_client import Client, ask
from tests.support.scim_client import CONNECTION, PATCH, user

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
_PATIENCE = 60.0
_LATER = 10**10 * 10**6
_GONE = {"op": "replace", "path": "active", "value": False}


class _Scene:
    """A server, and what the directory has told it."""

    def __init__(self, server: MortalVault, client: Client) -> None:
        """Provision the account, and make a token."""
        self.server, self.client = server, client
        self.connection = self.rest("PUT", "/sign-in-connections/main", CONNECTION)["id"]
        self.rest("PUT", "/provisioning", {"connection": "main"})
        self.token = self.rest("POST", "/provisioning/tokens")["token"]

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request of an admin."""
        answer = self.client.rest(method, f"{self.client.home}{path}", body)
        assert answer.status in {200, 201, 202, 204}, answer.body
        return answer.json

    def scim(self, method: str, path: str, body: Any) -> Any:
        """Send a request of the directory."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/scim+json"}
        account = self.client.home.rpartition("/")[2]
        data = json.dumps(body).encode()
        return ask(self.client.base, method, f"/scim/v2/{account}{path}", headers=headers, body=data)

    def person(self, name: str) -> tuple[str, str, str]:
        """Let somebody be told, have signed in, and have made a key; return the ids of user, session and key."""
        told = self.scim("POST", "/Users", user(name)).json["id"]
        key = self.client.rest("POST", "/v1/keys", {"name": name, "scopes": ["audit:read"]}).json["id"]
        self.server.stop()
        person, session = f"per_{secrets.token_hex(16)}", f"cons_{secrets.token_hex(16)}"
        with contextlib.closing(sqlite3.connect(self.server.database)) as db, db:
            account, identity = db.execute(
                "SELECT account_id, identity FROM provisioned_users WHERE id = ?", (told,)
            ).fetchone()
            db.execute(
                "INSERT INTO people (id, account_id, connection_id, role_ids, first_at, last_at, identity)"
                " VALUES (?, ?, ?, '[]', 1, 1, ?)",
                (person, account, self.connection, identity),
            )
            db.execute(
                "INSERT INTO console_sessions (id, secret_hash, account_id, person_id, scopes, created_at,"
                " last_used_at, ends_at) VALUES (?, ?, ?, ?, '[]', 1, 1, ?)",
                (session, secrets.token_bytes(32), account, person, _LATER),
            )
            db.execute(
                "UPDATE api_keys SET created_by = ?, account_id = ? WHERE id = ?", (person, account, key)
            )
        self.server.start()
        return told, session, key

    def ended(self, told: str, session: str, key: str) -> tuple[bool, bool, bool]:
        """Return of user, session and key whether they are dead."""
        with contextlib.closing(sqlite3.connect(f"file:{self.server.database}?mode=ro", uri=True)) as db:
            active = db.execute("SELECT is_active FROM provisioned_users WHERE id = ?", (told,)).fetchone()[0]
            ended = db.execute("SELECT ended_at FROM console_sessions WHERE id = ?", (session,)).fetchone()[0]
            revoked = db.execute("SELECT revoked_at FROM api_keys WHERE id = ?", (key,)).fetchone()[0]
        return not active, ended is not None, revoked is not None

    def leave(self, told: str) -> int | None:
        """Let the directory tell that somebody left; None where no answer came."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            body = {"schemas": [PATCH], "Operations": [_GONE]}
            return int(self.scim("PATCH", f"/Users/{told}", body).status)
        return None

    def die_at(self, point: str) -> None:
        """Name the point."""
        (self.server.data_dir / f"{WANTED}.new").write_text(point)
        (self.server.data_dir / f"{WANTED}.new").rename(self.server.data_dir / WANTED)

    def has_died(self) -> None:
        """Wait for the death, and start again."""
        assert self.server.running is not None
        assert self.server.running.wait(_PATIENCE) == -signal.SIGKILL
        (self.server.data_dir / REACHED).unlink()
        self.server.stop()
        self.server.start()


@pytest.fixture
def scene(folder: Path) -> Iterator[_Scene]:
    """A server that dies where it is told to."""
    server = MortalVault(folder, program=("-m", "tests.faults.dying_leaver"))
    client = server.new_client()
    server.start()
    try:
        client.open_account()
        yield _Scene(server, client)
    finally:
        if server.running is not None:
            server.stop()


def test_a_kill_leaves_nobody_half_out(scene: _Scene) -> None:
    """Before the commit nothing is done, behind it all; told again it is answered, and then all is dead."""
    for number, (point, is_committed) in enumerate(LEAVING.items()):
        who = scene.person(f"u{number}")
        assert scene.ended(*who) == (False, False, False)
        scene.die_at(point.name)
        assert scene.leave(who[0]) is None
        scene.has_died()
        assert scene.ended(*who) == (is_committed,) * 3, point.name
        assert scene.leave(who[0]) == 200
        assert scene.ended(*who) == (True, True, True)
        deadline = time.monotonic() + _PATIENCE
        while not _is_stored(scene):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _is_stored(scene: _Scene) -> bool:
    """Say whether the object of every closing act is in the object store."""
    with contextlib.closing(sqlite3.connect(f"file:{scene.server.database}?mode=ro", uri=True)) as db:
        return db.execute("SELECT count(*) FROM closing_acts WHERE NOT stored").fetchone()[0] == 0
