"""Makes the corpus: a small vault's object store with its root key, and what can be taken out of a vault.

``python -m tests.golden.make FOLDER`` writes a new one. What was committed once is never made again: a release
whose formats have grown adds a folder of its own beside it, and goes on reading the older ones.
"""

import asyncio
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.tenant import tone
from vault.composition.assemble import assemble, migrate
from vault.domain.calls.call import CallFacts
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.recordings.recording import State
from vault.sealing.keys import recording_key
from vault.sealing.message import seal
from vault.services.consent.consent_records import ConsentRequest
from vault.services.service import Vault
from vault.settings import Settings, read_settings

ACCOUNT, CALLER, CALLEE, AGENT = "acme", "+12025550100", "+12025550199", "Ada"
POLICY = ConsentPolicy(missing_evidence="accept", reason="an example")
#: What becomes of each recording.
RECORDINGS = ("heard", "restricted", "erased", "rotated")
FRAME = 1024
MESSAGE = bytes(number % 251 for number in range(3 * FRAME + 100))
MESSAGE_CONTEXT = {"account_id": "acct_1", "recording_id": "rec_1", "purpose": "audio", "evidence": "ab"}
MESSAGE_KEY = recording_key("rec_1", bytes(range(32)))
_NO_PAUSE = timedelta()
_ME = {"actor": "operator"}


def settings_of(corpus: Path, data: Path) -> Settings:
    """Return the settings of a vault on a corpus, with a database elsewhere."""
    return read_settings(
        {
            "VAULT_DATA_DIR": str(data),
            "VAULT_OBJECTS_URL": f"file://{corpus}/objects",
            "VAULT_ROOT_KEY_URL": f"file://{corpus}/root.key",
            "VAULT_PUBLIC_URL": "https://golden.example",
        }
    )


def sound_of(ref: str) -> bytes:
    """Return the audio of a recording."""
    return tone(0.05, hertz=400.0 + 100 * RECORDINGS.index(ref))


async def make(corpus: Path) -> None:
    """Write a corpus into an empty folder."""
    known: dict[str, Any] = {"recordings": {}}
    with tempfile.TemporaryDirectory(prefix="golden") as data:
        settings = settings_of(corpus, Path(data))
        migrate(settings)
        async with assemble(settings) as vault:
            account, _ = await vault.accounts.accounts.open(ACCOUNT, name="Acme", locale="en", **_ME)
            await vault.consent.policy.set(account.id, POLICY, if_version=None, **_ME)
            for ref in RECORDINGS[:3]:
                known["recordings"][ref] = await _take_in(vault, account.id, ref)
            (corpus / "checkpoint-1").write_bytes(await _checkpoint(vault))
            await _change(vault, account.id, known["recordings"])
            known["recordings"]["rotated"] = await _take_in(vault, account.id, "rotated")
            (corpus / "key-statement").write_bytes(
                await vault.key_rotation.rotations.statement(account.id, 1)
            )
            await _write(vault)
            (corpus / "checkpoint-2").write_bytes(await _checkpoint(vault))
            (corpus / "log-key").write_text(vault.audit_log.proofs.verifier_key() + "\n")
            (corpus / "proof").write_bytes(await vault.audit_log.proofs.prove_event(account.id, 0))
            export = b"".join([part async for part in await vault.audit_log.proofs.export(None)])
            (corpus / "log-export").write_bytes(export)
            await replace(vault.jobs.log_publisher, publish_interval=_NO_PAUSE).publish()
    (corpus / "message").write_bytes(seal(MESSAGE_KEY, MESSAGE_CONTEXT, MESSAGE, frame_length=FRAME))
    (corpus / "known.json").write_text(json.dumps(known, indent=2) + "\n")
    shutil.rmtree(corpus / "objects" / ".incoming", ignore_errors=True)


async def _take_in(vault: Vault, account_id: str, ref: str) -> dict[str, Any]:
    """Upload a recording with all that is known of its call; return what must be known of it for ever."""
    now = datetime.now(UTC)
    facts = CallFacts(
        call_ref=ref, caller=CALLER, callee=CALLEE, agent=AGENT, direction="inbound", started_at=now
    )
    await vault.recordings.calls.start(account_id, facts)
    wish = ConsentRequest(party="caller", answer="announced", method="announcement", at=now)
    await vault.consent.records.report(account_id, ref, wish, **_ME)
    row, _ = await vault.ingest.uploads.store(account_id, ref, ref, _blocks(sound_of(ref)), **_ME)
    while (await vault.recordings.recordings.read(account_id, row.id)).recording.state is not State.AVAILABLE:
        await vault.jobs.describe()
    await _write(vault)
    exported = await vault.audit_log.proofs.export_recording_key(row.id, **_ME)
    digest = hashlib.sha256(sound_of(ref)).hexdigest()
    return {"id": row.id, "sha256": digest, "exported": exported}


async def _change(vault: Vault, account_id: str, known: dict[str, Any]) -> None:
    """Restrict one, erase one, and rotate the account's key until the old version is destroyed."""
    restricted, erased = known["restricted"]["id"], known["erased"]["id"]
    await vault.recordings.recordings.restrict(
        account_id, restricted, restricted=True, reason="an example", **_ME
    )
    await vault.recordings.recordings.erase(account_id, erased, **_ME)
    while (await vault.recordings.recordings.read(account_id, erased)).recording.state is not State.ERASED:
        await vault.jobs.remove_erased()
    await vault.key_rotation.rotations.begin(account_id, **_ME)
    while await vault.jobs.rewrap.any_due():
        await replace(vault.jobs.rewrap, grace=_NO_PAUSE)()
        await _write(vault)


async def _write(vault: Vault) -> None:
    for step in (vault.jobs.write_manifests, vault.jobs.write_account_objects, vault.jobs.write_tombstones):
        while await step():
            pass


async def _checkpoint(vault: Vault) -> bytes:
    await replace(vault.jobs.log_publisher, sign_interval=_NO_PAUSE).sign()
    return await replace(vault.audit_log.proofs, max_checkpoint_age=_NO_PAUSE).checkpoint()


async def _blocks(body: bytes) -> AsyncIterator[bytes]:
    yield body


if __name__ == "__main__":
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir()
    asyncio.run(make(folder))
