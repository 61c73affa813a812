"""What an earlier release wrote is read for ever: it opens, it verifies, and a whole vault comes out of it again."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.golden.make import (
    ACCOUNT,
    AGENT,
    CALLEE,
    CALLER,
    FRAME,
    MESSAGE,
    MESSAGE_CONTEXT,
    MESSAGE_KEY,
    make,
    settings_of,
    sound_of,
)
from tests.support.whole_log import read_export
from vault.composition.assemble import assemble, migrate
from vault.domain.recordings.recording import RecordingFilter, State
from vault.domain.start_mode import StartMode
from vault.domain.stored.manifest import decode_manifest, location_of
from vault.errors import NotFound
from vault.sealing.header import parse_header
from vault.sealing.keys import recording_key
from vault.sealing.message import open_message
from vault.sealing.opener import Opener
from vault.services.service import Vault
from vault.tlog.key_statement import open_statement
from vault.tlog.log_file import read_head, verify_log
from vault.tlog.note import parse_verifier
from vault.tlog.proof_file import verify_proof_file

COMMITTED = sorted(Path(__file__).parent.glob("v*"))


@pytest.fixture(params=COMMITTED, ids=lambda corpus: corpus.name)
def corpus(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of each corpus, so that nothing can change the committed one."""
    copied = Path(shutil.copytree(request.param, tmp_path / "corpus"))
    # Git keeps no more of a file's mode than whether it can be run.
    (copied / "root.key").chmod(0o600)
    return copied


def known_of(corpus: Path) -> dict[str, Any]:
    """Return what must be known of its recordings."""
    known: dict[str, Any] = json.loads((corpus / "known.json").read_text())["recordings"]
    return known


def test_there_is_a_corpus() -> None:
    """The first ones are never taken away."""
    assert [corpus.name for corpus in COMMITTED][:2] == ["v1", "v2"]


async def test_a_new_corpus_would_be_read_too(tmp_path: Path) -> None:
    """What makes them still works, and this release reads what it writes in the same way."""
    await make(tmp_path)
    the_log_verifies(tmp_path)
    await the_vault_comes_back(tmp_path, tmp_path)


def test_a_message_of_a_few_frames_opens(corpus: Path) -> None:
    """Whole, and every range by itself."""
    message = (corpus / "message").read_bytes()
    assert parse_header(message).frame_length == FRAME
    assert open_message(MESSAGE_KEY, message, context=MESSAGE_CONTEXT) == MESSAGE
    opener = Opener(MESSAGE_KEY, message, plaintext_length=len(MESSAGE), context=MESSAGE_CONTEXT)
    for start, end in [(0, 1), (FRAME - 1, FRAME + 1), (FRAME, 3 * FRAME), (len(MESSAGE) - 1, len(MESSAGE))]:
        assert opener.open(start, end, message[slice(*opener.span(start, end))]) == MESSAGE[start:end]


def test_a_manifest_and_a_key_that_was_given_out_open_the_audio(corpus: Path) -> None:
    """The manifest says which object it is and what its header was; the key opens it."""
    for ref, known in known_of(corpus).items():
        if ref == "erased":
            continue
        (stored,) = (corpus / "objects" / "manifests").glob(f"*/{known['id']}.json")
        manifest = decode_manifest(stored.read_bytes())
        recording, audio = manifest.recording, manifest.recording.audio
        assert audio is not None
        assert str(stored.relative_to(corpus / "objects")) == location_of(recording.account_id, known["id"])
        assert (recording.state, recording.restricted) == (State.AVAILABLE, ref == "restricted")
        # In the first corpus the account key wraps the recording's; since then a month key does.
        assert manifest.keys.key_version == 2 or manifest.keys.month_key is not None
        sealed = (corpus / "objects" / audio.location).read_bytes()
        assert known["exported"]["objects"] == [
            {"purpose": "audio", "location": audio.location, "bytes": audio.size}
        ]
        key = recording_key(known["id"], bytes.fromhex(known["exported"]["key_hex"]))
        opener = Opener(key, audio.header, plaintext_length=audio.size, context=parse_header(sealed).context)
        opened = opener.open(0, audio.size, sealed[slice(*opener.span(0, audio.size))])
        assert opened == sound_of(ref)
        assert hashlib.sha256(opened).hexdigest() == known["sha256"]


def test_an_exported_log_verifies(corpus: Path) -> None:
    """With the key that was known beforehand, from both checkpoints; with its proof and its statement."""
    the_log_verifies(corpus)


def the_log_verifies(corpus: Path) -> None:
    """Check it with the vault's verifier, and with that of an auditor who has none of the vault's code."""
    key = (corpus / "log-key").read_text().strip()
    verifier, notes = parse_verifier(key), [(corpus / f"checkpoint-{n}").read_bytes() for n in (1, 2)]
    with (corpus / "log-export").open("rb") as lines:
        head = read_head(lines)
        found = verify_log(lines, head.note, [verifier], version=head.version, earlier=notes)
    assert head.verifier == verifier
    log = read_export((corpus / "log-export").read_bytes(), key)
    assert (log.size, log.root) == (found.checkpoint.size, found.checkpoint.root)
    assert sorted(log.events) == list(range(log.size))
    for earlier in notes:
        log.continues(earlier, key)
    kinds = [event["type"] for event in log.events.values()]
    assert {"recording.erased", "recording.restricted", "key.exported", "key.destroyed"} <= {*kinds}
    leaf = first_leaf(corpus)
    index, _ = verify_proof_file((corpus / "proof").read_bytes(), leaf, [verifier])
    assert index == 0
    statement = open_statement((corpus / "key-statement").read_bytes(), [verifier])
    assert (statement.version, statement.recordings) == (1, 0)


def first_leaf(corpus: Path) -> bytes:
    """Return the leaf of entry 0, from the tile of entries: its length in two bytes comes first."""
    (bundle,) = (corpus / "objects" / "log" / "tile" / "entries").glob("000.p/*")
    entries = bundle.read_bytes()
    return entries[2 : 2 + int.from_bytes(entries[:2], "big")]


async def test_a_vault_comes_back_from_its_object_store(corpus: Path, tmp_path: Path) -> None:
    """Root key and objects are enough: what was heard is heard, and what was not is not."""
    await the_vault_comes_back(corpus, tmp_path)


async def the_vault_comes_back(corpus: Path, tmp_path: Path) -> None:
    """Restore it into a new database, and compare all that must be known of it."""
    settings = settings_of(corpus, tmp_path / "data")
    migrate(settings)
    async with assemble(settings, mode=StartMode.RESTORE, describing=False) as vault:
        await vault.backup.restore(actor="operator")
        assert vault.audit_log.proofs.verifier_key() == (corpus / "log-key").read_text().strip()
        account = await vault.accounts.accounts.find(ACCOUNT)
        for ref, known in known_of(corpus).items():
            await the_recording_is_what_it_was(vault, account.id, ref, known["id"])
        found = await vault.recordings.recordings.page(
            account.id, RecordingFilter(), number=CALLER, agent=None, before=None, limit=9
        )
        assert {view.recording.recording_ref for view in found} == {"heard", "restricted", "rotated"}
        assert (await vault.backup.fsck(sample=9, rate=0)).findings == []


async def the_recording_is_what_it_was(vault: Vault, account_id: str, ref: str, recording_id: str) -> None:
    """Compare one recording, which is called as what became of it."""
    view = await vault.recordings.recordings.read(account_id, recording_id)
    if ref == "erased":
        assert view.recording.state in {State.ERASING, State.ERASED}
        return
    facts = view.facts
    assert (facts.caller, facts.callee, facts.agent, facts.direction) == (CALLER, CALLEE, AGENT, "inbound")
    evidence = (await vault.consent.records.read_evidence(account_id, recording_id, actor="operator")).sealed
    assert (
        evidence.digest == (await vault.database.read(lambda tx: tx.recordings.keys(recording_id))).evidence
    )
    if ref == "restricted":
        with pytest.raises(NotFound):
            await vault.playback.audio.for_download(account_id, recording_id, actor="operator")
        return
    sound = await vault.playback.audio.for_download(account_id, recording_id, actor="operator")
    heard = b"".join([block async for block in await vault.playback.audio.stream(sound, 0, sound.size)])
    assert heard == sound_of(ref)
