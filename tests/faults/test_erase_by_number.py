"""After an erasure by number nothing of the person is left in clear anywhere: a scan of every byte that was stored.

Audio, number, agent, listener and what was typed are marked. What is scanned: the database's files with its write-ahead
log, each table as text, the bucket in all versions, and the logs. The receipt lists what stays; none of it is in clear.
"""

import base64
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.faults.every_object import Bucket, Files, Objects, read_below
from tests.faults.server import MortalVault
from tests.faults.switch_check import looking_at
from tests.servers.media_thread import MediaThread
from tests.servers.postgresql import PostgresqlServer, postgresql_running
from tests.support.pairs import S3_SERVERS
from tests.support.postgresql_tables import tables_of
from tests.support.raw_client import PATIENCE, Client
from tests.support.rights_cases import PAIRS
from tests.support.telephone_audio import wav
from vault.tlog.receipt_file import verify_receipt

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


@dataclass(kw_only=True)
class _Place:
    """A server that is not started yet, and a look into everything that it writes to."""

    server: MortalVault
    objects: Objects
    database: PostgresqlServer | None

    def settle(self) -> None:
        """Wait until every manifest is written."""
        look = looking_at(self.server.environment.get("VAULT_DATABASE_URL", self.server.database))
        deadline = time.monotonic() + PATIENCE
        while look("SELECT id FROM recordings WHERE manifest_due"):
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def stored(self) -> dict[str, bytes]:
        """Return every file, object and table by name."""
        found = read_below(self.server.folder) | self.objects.everything()
        if self.database is not None:
            url = self.server.environment["VAULT_DATABASE_URL"]
            found |= tables_of(url)
            found |= {f"postgresql/{name}": body for name, body in read_below(self.database.folder).items()}
        return found


@pytest.fixture
def place(request: pytest.FixtureRequest, folder: Path, media: MediaThread) -> Iterator[_Place]:
    """A server on one of the pairs, with a database server of its own."""
    database, _, store = request.param.partition("-")
    settings, name = {"VAULT_MEDIA_ALLOW": media.authority}, f"erased-{secrets.token_hex(6)}"
    if store != "directory":
        url: str = request.getfixturevalue(S3_SERVERS[store])
        settings["VAULT_OBJECTS_URL"] = f"s3://{name}/vault?endpoint_url={quote(url, safe='')}"
        objects: Objects = Bucket(url, name)
        objects.client.create_bucket(Bucket=name)
        objects.client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    if database == "sqlite":
        server = MortalVault(folder, **settings)
        yield _Place(server=server, objects=Files(server), database=None)
        return
    with postgresql_running() as running:
        settings["VAULT_DATABASE_URL"] = running.new_database()
        server = MortalVault(folder, **settings)
        migrated = server.command("migrate")
        assert migrated.returncode == 0, migrated.stderr
        yield _Place(server=server, objects=objects, database=running)


@dataclass(frozen=True, kw_only=True)
class _Person:
    """What is marked of a person, and nobody else's."""

    number: str
    spelled: str
    name: str
    listener: str
    sound: bytes

    @property
    def marks(self) -> list[bytes]:
        """Return every form in which a mark might be stored."""
        digits = self.number[1:]
        words = [digits, self.spelled, self.spelled.replace(" ", ""), digits[2:], self.name, self.listener]
        plain = [word.encode() for word in words] + [self.sound]
        # In base64 a word looks differently by its place among the bytes around it.
        coded = [
            base64.b64encode(bytes(before) + word)[4:-4]
            for word in plain
            for before in range(3)
            if len(word) > 12
        ]
        return [
            *plain, *coded, *(word.hex().encode() for word in plain),
            *(word.encode("utf-16-le") for word in words),
        ]  # fmt: skip


def _person() -> _Person:
    own = secrets.randbelow(10**7)
    national = f"6 1{own:07d}"
    spelled = f"0{national[0]} {national[2:4]} {national[4:6]} {national[6:8]} {national[8:10]}"
    return _Person(
        number="+33" + national.replace(" ", ""),
        spelled=spelled,
        name=f"Marigold {secrets.token_hex(6)}",
        listener=f"Quintessa {secrets.token_hex(6)}",
        sound=secrets.token_bytes(32),
    )


@pytest.mark.parametrize("place", PAIRS, indirect=True)
def test_nothing_of_an_erased_person_is_in_clear_anywhere(place: _Place, media: MediaThread) -> None:
    """What is stored before and after is scanned; of the recordings nothing is left but what the receipt lists."""
    person, server = _person(), place.server
    client = server.new_client()
    server.start()
    try:
        client.open_account()
        mine = [_recorded(client, media, person, n) for n in range(2)]
        other = _recorded(client, media, _person(), 9)
        _used(client, person, mine[0])
        place.settle()
        before = place.stored()
        audio = [name for name in before if mine[0] in name]
        assert audio
        file = _erased(client, person)
        after = place.stored()
        assert client.audio(other).status == 200
    finally:
        # Killed, so that no orderly end tidies up what a thief would find.
        server.kill()
    statement = verify_receipt(file).statement
    assert sorted(one["id"] for one in statement["recordings"]) == sorted(mine)
    assert all(one["object_versions"]["left"] == 0 for one in statement["recordings"])
    assert {"tombstone", "access_events", "request"} <= set(statement["stays"])
    hits = [
        (name, mark)
        for name, body in [*before.items(), *after.items()]
        for mark in person.marks
        if mark in body
    ]
    assert hits == []
    objects = place.objects.everything()
    left = {name.split("/")[-2] for name in objects if any(one in name for one in mine)}
    assert left == set(), left
    sealed = [body[-4096:] for name, body in before.items() if name in audio and len(body) > 4096]
    assert sealed
    assert not [name for name, body in objects.items() for part in sealed if part in body]
    # The scan does find: the receipt's request is in clear where the receipt says that something stays.
    asked = statement["request"].encode()
    assert [name for name, body in after.items() if asked in body]
    print(f"{len(after)} files, objects and tables, {sum(map(len, after.values()))} bytes, 0 hits")


def _recorded(client: Client, media: MediaThread, person: _Person, number: int) -> str:
    """Let a call of the person be recorded; its audio repeats a mark."""
    ref = f"call-{number}-{secrets.token_hex(4)}"
    body = bytearray(wav(64_044, number))
    body[44:] = (person.sound * (len(body) // 32))[: len(body) - 44]
    said = client.announce(
        ref, media.serve(f"/{ref}.wav", bytes(body)), direction="inbound", to="+442079460123",
        agent=person.name, **{"from": person.number},
    )  # fmt: skip
    assert said.status == 202, said.body
    recording_id: str = said.json["recording"]
    client.wait_for(recording_id)
    return recording_id


def _used(client: Client, person: _Person, recording_id: str) -> None:
    """Share it, restrict it for a while and enter an objection, each with words about the person."""
    path = f"{client.home}/recordings/{recording_id}"
    link = {"listener": person.listener, "purpose": "training", "purpose_text": f"lesson of {person.name}"}
    shared = client.rest("POST", f"{path}/links", link)
    assert shared.status == 201, shared.body
    for method, said in (("PUT", {"reason": f"{person.name} called"}), ("DELETE", None)):
        assert client.rest(method, f"{path}/restriction", said).status in {200, 204}


def _erased(client: Client, person: _Person) -> bytes:
    """Enter the request in another spelling, decide, and return the receipt once it is closed."""
    now = datetime.now(UTC).replace(microsecond=0)
    said = {
        "kind": "erasure", "regime": "gdpr", "received_at": (now - timedelta(days=1)).isoformat(),
        "reference": "ticket 1", "wish": f"I am {person.name}, at {person.spelled}.",
        "identities": [{"type": "number", "value": person.spelled, "region": "FR"}],
        "verification": {"method": "callback", "at": now.isoformat()},
    }  # fmt: skip
    entered = client.rest("POST", f"{client.home}/requests", said)
    assert entered.status == 201, entered.body
    request = f"{client.home}/requests/{entered.json['id']}"
    decided = client.rest("POST", f"{request}/decision", {"code": "erased"})
    assert decided.status == 202, decided.body
    deadline = time.monotonic() + PATIENCE
    while (shown := client.rest("GET", request).json)["state"] != "fulfilled":
        assert time.monotonic() < deadline, shown
        time.sleep(0.1)
    # Its event reaches the log's tree a moment later.
    while (answer := client.rest("GET", f"{request}/receipt")).status == 503:
        assert time.monotonic() < deadline, answer.body
        time.sleep(0.1)
    assert answer.status == 200, answer.body
    assert person.name not in json.dumps(answer.json)
    return answer.body
