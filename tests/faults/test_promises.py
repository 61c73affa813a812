"""The look at everything after a fault finds each promise broken: broken by hand, in a copy of a vault's data."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.inside import rows
from tests.faults.promises import check_promises, ungranted
from tests.faults.server import MortalVault, vault_process
from tests.support.audio_listener import hear, take_seat
from tests.support.raw_client import ask
from tests.support.telephone_audio import wav
from tests.support.whole_log import WholeLog

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("promises")]

_BODY = wav(200_044, 7)
_SOUND = _BODY[100_000:100_048]


@pytest.fixture(scope="module")
def whole() -> Iterator[MortalVault]:
    """A stopped vault with an available, a refused and an erased recording, and a session that was heard."""
    with TemporaryDirectory(prefix="whole") as folder:
        with vault_process(Path(folder) / "vault") as (server, client):
            kept, gone = (client.put(ref, _BODY, len(_BODY)).json["id"] for ref in ("kept", "gone"))
            client.wait_for(kept)
            hearing = hear(client, take_seat(client, client.wait_for(gone)["id"]))
            hearing.read_on()
            hearing.close()
            assert client.rest("DELETE", f"{client.home}/recordings/{gone}").status == 202
            client.wait_for(gone, "erased")
            client.switch(enabled=False)
            assert client.announce("late", "https://media.example/a.wav").json["status"] == "refused"
            client.switch(enabled=True)
            note = ask(client.base, "GET", "/v1/access-log/checkpoint").body
            (server.folder / "checkpoint").write_bytes(note)
        yield server


def _execute(statement: str) -> Callable[[MortalVault], None]:
    def break_it(server: MortalVault) -> None:
        with sqlite3.connect(server.database) as connection:
            assert connection.execute(statement).rowcount >= 1, statement
        connection.close()

    return break_it


def _flip_a_bit(server: MortalVault) -> None:
    path = _audio(server)
    body = bytearray(path.read_bytes())
    body[-100_000] ^= 1
    path.write_bytes(body)


def _leave_plaintext(server: MortalVault) -> None:
    (server.temporary / "forgotten").write_bytes(b"RIFF" + _SOUND)


def _audio(server: MortalVault) -> Path:
    (one,) = server.data_dir.glob("objects/recordings/*/*/*.audio")
    return one


BREAKING = {
    "is not there": _execute("DELETE FROM recordings WHERE state = 'available'"),
    "was acknowledged and failed": _execute(
        "UPDATE recordings SET state = 'failed', wrapped_key = NULL WHERE state = 'available'"
    ),
    "entered while the switch was off": _execute("UPDATE switch_changes SET at = 1, enabled = 0"),
    "and was received in": _execute("UPDATE recordings SET epoch = epoch + 2 WHERE state = 'available'"),
    "is refused and has a key": _execute("UPDATE recordings SET wrapped_key = x'00' WHERE state = 'refused'"),
    "is erased and has a key": _execute("UPDATE recordings SET wrapped_key = x'00' WHERE state = 'erased'"),
    "its audio cannot be opened": _flip_a_bit,
    "is missing": lambda server: _audio(server).unlink(),
    "holds the sound of a call": _leave_plaintext,
    "does not verify": _execute(
        "UPDATE access_events SET body = CAST(body || ' ' AS BLOB) WHERE tree_index = 3"
    ),
}


def test_a_whole_vault_keeps_all_promises(whole: MortalVault) -> None:
    """What was not broken is not said to be."""
    check_promises(whole, told=_told(whole), sounds=[_SOUND], checkpoints=[_note(whole)])


@pytest.mark.parametrize("words", BREAKING)
def test_a_broken_promise_is_found(whole: MortalVault, folder: Path, words: str) -> None:
    """The sentence says which."""
    told = _told(whole)
    shutil.copytree(whole.folder, folder / "copy", ignore=shutil.ignore_patterns("*.sock"))
    server = MortalVault(folder / "copy")
    BREAKING[words](server)
    with pytest.raises(AssertionError, match=words):
        check_promises(server, told=told, sounds=[_SOUND], checkpoints=[_note(whole)])


def test_a_byte_beyond_what_was_granted_is_found() -> None:
    """A session's last word says more than all of its grants."""
    events = [
        {"type": "playback.grant", "session": "s", "end": 10},
        {"type": "playback.end", "session": "s", "end": 11},
    ]
    log = WholeLog([], dict(enumerate(events)), 2, b"")
    assert ungranted(log) == ["s was sent 11 bytes of 10 granted"]


def _told(server: MortalVault) -> list[str]:
    return [row["id"] for row in rows(server, "SELECT id FROM recordings WHERE state = 'available'")]


def _note(server: MortalVault) -> bytes:
    return (server.folder / "checkpoint").read_bytes()
