"""What was erased cannot be had back from anything that is left."""

import json
import random
import secrets
import shutil
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.faults.every_object import Bucket, Files, Objects, read_below
from tests.faults.inside import Inside, inside, rows
from tests.faults.remains import opens, unwrapped_anywhere, where
from tests.faults.server import MortalVault, vault_process
from tests.servers.media_thread import MediaThread
from tests.support.audio_listener import hear, take_seat
from tests.support.counts import count
from tests.support.raw_client import Client
from tests.support.telephone_audio import wav
from tests.support.whole_log import read_export
from vault.domain.stored import encryption_context as bound
from vault.sealing.keys import NamedKey
from vault.sealing.wrapping import unwrap

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]


@dataclass(kw_only=True)
class _Kept:
    """A recording as somebody kept it aside before it was erased: all but its key."""

    id: str
    account_id: str
    wrapped_key: bytes
    #: The id of the month key that wraps it.
    month_key: str
    sealed: bytes
    size: int


@pytest.fixture(params=["directory", "versioned bucket"])
def place(request: pytest.FixtureRequest, folder: Path) -> Iterator[tuple[MortalVault, Objects]]:
    """A server that is not started yet, on each kind of object store, and a look into that store."""
    if request.param == "directory":
        server = MortalVault(folder)
        yield server, Files(server)
        return
    url = request.getfixturevalue("moto_url")
    bucket = f"faults-{secrets.token_hex(6)}"
    objects = Bucket(url, bucket)
    objects.client.create_bucket(Bucket=bucket)
    objects.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    where_to = f"s3://{bucket}/vault?endpoint_url={quote(url, safe='')}"
    yield MortalVault(folder, VAULT_OBJECTS_URL=where_to), objects
    objects.client.close()


async def test_nothing_that_is_left_opens_an_erased_recording(place: tuple[MortalVault, Objects]) -> None:
    """After DELETE no wrapped key, no object and no version is left, and what was kept aside stays shut."""
    server, objects = place
    total = count("recordings, of which half are erased", small=24, full=150)
    client = server.new_client()
    server.start()
    try:
        client.open_account()
        kept = _fill(server, client, objects, total)
        chance = random.Random(7)  # noqa: S311 - the same again
        erased = chance.sample(kept, total // 2)
        if isinstance(objects, Files):
            _leave_half_a_manifest(objects, erased[0])
        before = _files(server, objects)
        assert all(where(one.wrapped_key, before) for one in kept)
        for one in erased:
            assert client.rest("DELETE", f"{client.home}/recordings/{one.id}").status == 202
            # Gone from the row as soon as that was answered.
            assert client.audio(one.id).status in {404, 410}
        for one in erased:
            _is_a_tombstone(client.wait_for(one.id, "erased"))
        after = _files(server, objects)
    finally:
        # Killed, so that no orderly end tidies up what a thief would find.
        server.kill()
    for one in erased:
        assert not where(one.wrapped_key, after)
        assert not where(b64encode(one.wrapped_key), after)
        assert not [name for name in after if one.id in name]
        assert not where(one.sealed[-4096:], after)
    others = [one for one in kept if one not in erased]
    async with inside(server) as opened:
        await _stays_shut(server, opened, erased, others, before, after)


def test_the_log_of_erasures_tells_of_nobody(folder: Path, media: MediaThread) -> None:
    """It verifies as before and says what was erased; no leaf says who spoke or listened, or where it lay."""
    total = count("recordings of people whose erasure stands in the log", small=8, full=80)
    with vault_process(folder, VAULT_MEDIA_ALLOW=media.authority) as (server, client):
        words = _Words()
        sent = [_announce_people(client, media, words, number) for number in range(total)]
        for recording_id in sent:
            client.wait_for(recording_id)
            _listen_as(client, words, recording_id)
        earlier = read_export(_export(server))
        for recording_id in sent:
            assert client.rest("DELETE", f"{client.home}/recordings/{recording_id}").status == 202
        for recording_id in sent:
            client.wait_for(recording_id, "erased")
        after = _export(server)
    log = read_export(after)
    assert log.hashes[: earlier.size] == earlier.hashes
    erased = [event["recording"] for event in log.events.values() if event["type"] == "recording.erased"]
    assert sorted(erased) == sorted(sent)
    leaves = [b64decode(line.split(b" ")[3]) for line in after.splitlines() if line.startswith(b"leaf ")]
    assert len(leaves) == log.size
    assert not [leaf for leaf in leaves if words.found(leaf)]
    # The search does find: what is looked for, in a leaf as it would be if it were there.
    assert all(words.found(json.dumps({"detail": word}).encode()) for word in words.said)
    print(f"{len(leaves)} leaves, {len(words.said)} words that none may hold")


class _Words:
    """What was reported about people and places in a run."""

    def __init__(self) -> None:
        self.said: set[str] = set()

    def new(self, text: str) -> str:
        """Remember a word, and return it."""
        self.said.add(text)
        return text

    def found(self, leaf: bytes) -> bool:
        """Say whether a leaf holds one of them: as it is, or in base64 among its values."""
        texts = [leaf]
        for value in json.loads(leaf).values():
            with suppress(ValueError):
                texts.append(b64decode(str(value) + "=" * (-len(str(value)) % 4)))
        return any(word.encode() in text for word in self.said for text in texts)


def _announce_people(client: Client, media: MediaThread, words: _Words, number: int) -> str:
    """Announce a recording with all that may be reported about its call; return its id."""
    path = words.new(f"/of-ada-{secrets.token_hex(6)}.wav")
    people = {
        "from": words.new(f"+1202555{number:04}"),
        "to": words.new(f"+4420794{number:05}"),
        "agent": words.new(f"Marigold Quintessa {number}"),
        "direction": "inbound",
    }
    words.new(people["from"][1:])
    words.new(people["to"][1:])
    ref = words.new(f"reference-{secrets.token_hex(6)}")
    said = client.announce(ref, media.serve(path, wav(844, number)), **people)
    assert said.status == 202, said.body
    recording_id: str = said.json["recording"]
    return recording_id


def _listen_as(client: Client, words: _Words, recording_id: str) -> None:
    """Let somebody listen, and restrict it for a reason in words."""
    seat = take_seat(client, recording_id, listener=words.new(f"Perpetua {recording_id[-6:]}"))
    with closing(hear(client, seat)) as hearing:
        assert hearing.read_on() == 844
    words.new(seat.cookie.partition("=")[2])
    reason = words.new(f"Ada asked {recording_id[-6:]}")
    said = client.rest("PUT", f"{client.home}/recordings/{recording_id}/restriction", {"reason": reason})
    assert said.status == 200, said.body


def _export(server: MortalVault) -> bytes:
    """Return the whole log, with every leaf in full."""
    file = server.folder / "log-export"
    made = server.command("log", "export", "--output", str(file))
    assert made.returncode == 0, made.stderr
    return file.read_bytes()


def _fill(server: MortalVault, client: Client, objects: Objects, total: int) -> list[_Kept]:
    """Upload recordings, wait for their manifests, and keep everything of them aside but the keys."""
    sizes = {}
    for number in range(total):
        size = 44 + 4 * random.Random(number).randrange(1000, 20_000)  # noqa: S311 - the same again
        said = client.put(f"call-{number}", wav(size, number), size)
        assert said.status == 201
        sizes[said.json["id"]] = size
    for recording_id in sizes:
        client.wait_for(recording_id)
    deadline = time.monotonic() + 60
    while rows(server, "SELECT id FROM recordings WHERE manifest_due"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    stored = objects.everything()
    kept = []
    for row in rows(server, "SELECT * FROM recordings"):
        (sealed,) = [body for name, body in stored.items() if row["audio_location"] in name]
        kept.append(
            _Kept(
                id=row["id"], account_id=row["account_id"], wrapped_key=row["wrapped_key"],
                month_key=row["month_key"], sealed=sealed, size=sizes[row["id"]],
            )
        )  # fmt: skip
    return kept


def _leave_half_a_manifest(objects: Files, one: _Kept) -> None:
    """Leave what a crash leaves in the middle of writing a manifest; it holds a wrapped key too."""
    manifest = f"manifests/{one.account_id}/{one.id}.json"
    name = f"{manifest.replace('/', ',')}~{time.time_ns() // 1_000_000}~{secrets.token_hex(8)}"
    assert b64encode(one.wrapped_key) in (objects.root / manifest).read_bytes()
    shutil.copy(objects.root / manifest, objects.root / ".incoming" / name)


def _files(server: MortalVault, objects: Objects) -> dict[str, bytes]:
    """Return the data directory (database, its log, and the rest) and every version of every object."""
    on_disk = read_below(server.data_dir)
    return on_disk | {f"objects: {name}": body for name, body in objects.everything().items()}


def _is_a_tombstone(said: dict[str, object]) -> None:
    assert said["erased_at"]
    assert said["reasons"] == []
    known = {"call_ref": said["call"]["call_ref"], "metadata": {}}  # type: ignore[index, call-overload]
    assert said["call"] == dict.fromkeys(said["call"]) | known  # type: ignore[index, attr-defined, call-overload]


async def _stays_shut(  # noqa: PLR0917 - what was, and what is
    server: MortalVault,
    opened: Inside,
    erased: list[_Kept],
    others: list[_Kept],
    before: dict[str, bytes],
    after: dict[str, bytes],
) -> None:
    """Try every key that is left on what was kept aside; in what was there before, its own key is found."""
    account_id = erased[0].account_id
    account_key = (await opened.ring.version(account_id, 1)).key
    month_keys = {
        row["id"]: await opened.ring.month_key(account_id, row["id"])
        for row in rows(server, "SELECT id FROM month_keys")
    }
    wrapping_keys = [account_key, *month_keys.values()]
    for one in erased:
        assert not unwrapped_anywhere(after.values(), wrapping_keys, account_id, one.id)
    secrets_left = [key.secret for key in wrapping_keys] + _recording_secrets(month_keys, others)
    (index_row,) = rows(server, "SELECT wrapped_index_key FROM accounts")
    secrets_left.append(unwrap(account_key, index_row[0], bound.of_index_key(account_id)))
    tried = 0
    for one in erased:
        for secret in secrets_left:
            assert not opens(one.sealed, one.id, secret, one.size)
            tried += 1
    # The control: with what was there before, the first key found opens it.
    some = erased[:3]
    for one in some:
        found = unwrapped_anywhere(before.values(), wrapping_keys, account_id, one.id)
        assert found
        assert opens(one.sealed, one.id, found[0], one.size)
    bytes_searched = sum(map(len, after.values()))
    print(f"{len(erased)} erased; {tried} keys tried; {bytes_searched} bytes searched at every place")


def _recording_secrets(month_keys: Mapping[str, NamedKey], others: list[_Kept]) -> list[bytes]:
    return [
        unwrap(
            month_keys[one.month_key],
            one.wrapped_key,
            bound.of_recording_key(one.account_id, one.id),
        )
        for one in others
    ]
