"""Sets the scene in a server process: an account, a connection, recordings that can be heard."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.unlimited import UNLIMITED
from vault.database.stores.recordings.recording_states import RecordingStates
from vault.database.transaction import Transaction
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.legal_rules.rule import RuleOverride
from vault.domain.notices.notice import NoticeRequest
from vault.domain.playback.link import DEFAULT_SESSIONS
from vault.domain.recordings.recording import LEASE, Recording, State
from vault.domain.recordings.transitions import ADMIT
from vault.services.accounts.connections import ConnectionRequest
from vault.services.playback.link_request import LinkRequest
from vault.services.service import Vault
from vault.settings import Settings, read_settings

ACCOUNT = "bench"
_ACTOR = "bench"
_BLOCK = 1024 * 1024
#: Links made concurrently.
_AT_ONCE = 64
_NOTICE = NoticeRequest(
    language="en", audience="caller", mode="opt_out_key", controller="Acme Limited",
    purposes="to check the quality of our service", refusal="press 9 now",
    full_notice="acme.example/privacy", retention="six months",
)  # fmt: skip


def settings_of(data_dir: str, database_url: str, media_allow: str = "", objects_url: str = "") -> Settings:
    """Return the settings of a vault in ``data_dir``, with everything else as it is by default."""
    environment = {
        "VAULT_DATA_DIR": data_dir,
        "VAULT_DATABASE_URL": database_url,
        "VAULT_MEDIA_ALLOW": media_allow,
        "VAULT_LOG_LEVEL": "ERROR",
        **UNLIMITED,
    }
    if objects_url:
        environment["VAULT_OBJECTS_URL"] = objects_url
    return read_settings(environment)


async def connect(vault: Vault, provider: str, credentials: Mapping[str, str]) -> str:
    """Open the account, connect it to the provider, and return the public URL of its webhook."""
    account, _ = await vault.accounts.accounts.open(ACCOUNT, name=None, locale=None, actor=_ACTOR)
    wish = ConnectionRequest(provider=provider, credentials=credentials)
    _, url, _ = await vault.accounts.connections.set(account.id, "bench", wish, actor=_ACTOR)
    return url


async def put_recording(vault: Vault, ref: str, size: int, plain: Path | None = None) -> Recording:
    """Seal ``size`` bytes into the object store and make them available; ``plain`` keeps a copy in clear.

    The bytes are no audio, and describing a gigabyte takes long, so the row goes through the gate's
    arrow by the real stores without having been described.
    """
    account, _ = await vault.accounts.accounts.open(ACCOUNT, name=None, locale=None, actor=_ACTOR)
    await vault.ingest.uploads.store(account.id, "bench", ref, _noise(size, plain), actor=_ACTOR)
    return await let_in(vault)


async def let_in(vault: Vault) -> Recording:
    """Make the one recording that is stored available."""
    held = await vault.database.claim((State.STORED,), lease=LEASE, likely=True)
    if held is None:
        raise RuntimeError("The recording that was just stored is not there.")

    def move(tx: Transaction) -> Recording:
        described = {"container": "wav", "codec": "pcm_s16le", "channels": 2, "sample_rate": 8000}
        values = {**described, "duration": 7200.0, "available_at": tx.now()}
        return RecordingStates(tx.connection).change((ADMIT,), held.recording, values, token=held.token)

    return await vault.database.write(move)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A session that was opened, as its client needs it."""

    path: str
    cookie: str
    size: int


async def share(vault: Vault, recording: Recording, count: int) -> list[str]:
    """Make links as an admin does, many concurrently, each for as many sessions as by default; return their tokens."""
    wish = LinkRequest(
        listener="bench", kind="player", life=timedelta(hours=1), sessions=DEFAULT_SESSIONS, networks=()
    )
    tokens: list[str] = []
    while len(tokens) < count:
        made = min(_AT_ONCE, count - len(tokens))
        making = (
            vault.playback.links.create(recording.account_id, recording.id, wish, actor=_ACTOR)
            for _ in range(made)
        )
        tokens += [token.text for _, token in await asyncio.gather(*making)]
    return tokens


async def open_session(vault: Vault, recording: Recording) -> Listening:
    """Share a recording and open the link, as an admin and a listener do."""
    (token,) = await share(vault, recording, 1)
    opened = await vault.playback.open_links.open(token, nonce="bench", address="127.0.0.1", agent="bench")
    size = recording.audio.size if recording.audio else 0
    session = opened.session.id
    return Listening(path=f"/s/{session}/audio", cookie=f"{session}={opened.secret.text}", size=size)


async def ingest_key(vault: Vault) -> str:
    """Return a key that may upload."""
    account, _ = await vault.accounts.accounts.open(ACCOUNT, name=None, locale=None, actor=_ACTOR)
    _, bearer = await vault.accounts.api_keys.issue(
        name="bench", scopes=("ingest",), account_id=account.id, actor=_ACTOR
    )
    return bearer.text


async def decide_on_consent(vault: Vault, objections: int) -> str:
    """Give the account an override, a list of objections and a published notice; return the notice's id."""
    account, _ = await vault.accounts.accounts.open(ACCOUNT, name=None, locale=None, actor=_ACTOR)
    override = RuleOverride(
        place="US-CA",
        refusal_route=True,
        reason="We let everyone refuse.",
        author=_ACTOR,
        at=datetime.now(UTC),
    )
    wanted = ConsentPolicy(overrides=(override,), home_place="US-CA")
    await vault.consent.policy.set(account.id, wanted, if_version=None, actor=_ACTOR)
    for number in range(objections):
        await vault.consent.objections.enter(account.id, f"+1212555{number:04}", reason=None, actor=_ACTOR)
    draft = await vault.consent.notices.draft(account.id, _NOTICE, actor=_ACTOR)
    return (await vault.consent.notices.publish(account.id, draft.id, actor=_ACTOR)).id


async def _noise(size: int, plain: Path | None) -> AsyncIterator[bytes]:
    block = os.urandom(_BLOCK)
    copy = plain.open("wb") if plain else None
    for start in range(0, size, _BLOCK):
        part = block[: size - start]
        if copy:
            copy.write(part)
        yield part
    if copy:
        copy.close()
