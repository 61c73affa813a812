"""The reads of nearly every request, each one statement of joined rows: for ``Database.fetch``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, bindparam, case, or_, select, text

from vault.database.schema.accounts import api_keys
from vault.database.schema.core import accounts, links, recordings, sessions
from vault.database.schema.requests import person_requests
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.dialect import DatabaseNow
from vault.database.stores.recordings.recordings import RECORDING_COLUMNS, recording_from
from vault.domain.accounts.account import Account, ApiKey
from vault.domain.playback.link import Link, Session
from vault.domain.recordings.recording import Recording, RecordingKeys
from vault.domain.requests.request import BEGUN, RequestState

_KEY: Final = [*(api_keys.c[name] for name in ApiKey.__slots__), api_keys.c.secret_hash]
#: An API key by ``id``.
KEY: Final = CompiledSelect(select(*_KEY).where(api_keys.c.id == bindparam("id")))
_BEGUN: Final = f"kind = 'closure' AND state IN ({', '.join(repr(str(state)) for state in BEGUN)})"
#: The state of the account's closure, if it has begun; such an account is switched off, so all others are not asked.
BEGUN_CLOSURE: Final = case(
    (
        accounts.c.enabled.is_(False),
        select(person_requests.c.state)
        .where(person_requests.c.account_id == accounts.c.id, text(_BEGUN))
        .correlate(accounts)
        .limit(1)
        .scalar_subquery(),
    )
).label("begun_closure")
#: An API key by ``id``, with the account that a URL names as ``named``: by its id, else by its ref.
KEY_AND_ACCOUNT: Final = CompiledSelect(
    select(*_KEY, *(accounts.c[name].label(f"account_{name}_") for name in Account.__slots__), BEGUN_CLOSURE)
    .select_from(api_keys)
    .outerjoin(accounts, or_(accounts.c.id == bindparam("named"), accounts.c.ref == bindparam("named")))
    .where(api_keys.c.id == bindparam("id"))
    .order_by(case((accounts.c.id == bindparam("named"), 0), else_=1))
    .limit(1)
)
#: The columns of a recording and of a link, in statements that join them.
RECORDING_LABELS: Final = [
    *(column.label(f"recording_{column.name}_") for column in RECORDING_COLUMNS),
    recordings.c.wrapped_key.label("recording_wrapped_key_"),
    recordings.c.month_key.label("recording_month_key_"),
]
LINK_COLUMNS: Final = [links.c[name].label(f"link_{name}_") for name in Link.__slots__]
#: A recording by ``id``, of account ``account_id``.
RECORDING: Final = CompiledSelect(
    select(*RECORDING_LABELS, DatabaseNow().label("now")).where(
        recordings.c.id == bindparam("id"), recordings.c.account_id == bindparam("account_id")
    )
)
#: A session by ``id``, with its link and its recording.
SESSION: Final = CompiledSelect(
    select(
        *(sessions.c[name] for name in Session.__slots__),
        sessions.c.secret_hash,
        *LINK_COLUMNS,
        *RECORDING_LABELS,
        DatabaseNow().label("now"),
    )
    .join(links, and_(links.c.id == sessions.c.link_id, links.c.account_id == sessions.c.account_id))
    .join(
        recordings,
        and_(recordings.c.id == sessions.c.recording_id, recordings.c.account_id == sessions.c.account_id),
    )
    .where(sessions.c.id == bindparam("id"))
)
#: A link by ``token_hash``, with its recording.
LINK: Final = CompiledSelect(
    select(*LINK_COLUMNS, *RECORDING_LABELS, DatabaseNow().label("now"))
    .join(
        recordings,
        and_(recordings.c.id == links.c.recording_id, recordings.c.account_id == links.c.account_id),
    )
    .where(links.c.token_hash == bindparam("token_hash"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWithAccount:
    """An API key, even if revoked, and the account that was asked for."""

    key: ApiKey
    secret_hash: bytes
    account: Account | None
    #: Of the account's closure, if it has begun.
    closure: RequestState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingWithKeys:
    """A recording with the keys of its audio."""

    recording: Recording
    #: What reading the audio needs; None before the recording is sealed and after it is shredded.
    keys: RecordingKeys | None
    #: The database's time.
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkWithRecording(RecordingWithKeys):
    """A link, also if it has expired, and its recording."""

    link: Link

    @property
    def is_good(self) -> bool:
        """Return whether the link is not revoked and its recording can be played by it."""
        return self.link.plays(self.recording) and self.link.revoked_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionWithLink(LinkWithRecording):
    """A session, also if it has ended, with its link and its recording."""

    session: Session
    secret_hash: bytes


def read_key(rows: Sequence[Mapping[str, Any]]) -> KeyWithAccount | None:
    """Read the row of KEY or KEY_AND_ACCOUNT."""
    if not rows:
        return None
    row = rows[0]
    key = ApiKey(**{name: row[name] for name in ApiKey.__slots__} | {"scopes": frozenset(row["scopes"])})
    account = closure = None
    if row.get("account_id_") is not None:
        account = Account(**{name: row[f"account_{name}_"] for name in Account.__slots__})
        closure = None if row["begun_closure"] is None else RequestState(row["begun_closure"])
    return KeyWithAccount(key=key, secret_hash=row["secret_hash"], account=account, closure=closure)


def read_link(rows: Sequence[Mapping[str, Any]]) -> LinkWithRecording | None:
    """Read the row of LINK."""
    return None if not rows else LinkWithRecording(**_shared(rows[0]))


def read_session(rows: Sequence[Mapping[str, Any]]) -> SessionWithLink | None:
    """Read the row of SESSION."""
    if not rows:
        return None
    row = rows[0]
    session = Session(**{name: row[name] for name in Session.__slots__})
    return SessionWithLink(session=session, secret_hash=row["secret_hash"], **_shared(row))


def link_from(row: Mapping[str, Any]) -> Link:
    """Read the columns LINK_COLUMNS."""
    link = {name: row[f"link_{name}_"] for name in Link.__slots__}
    # Links of earlier releases have no right to play what is restricted.
    link |= {"networks": tuple(link["networks"]), "plays_restricted": bool(link["plays_restricted"])}
    return Link(**link)


def read_recording(row: Mapping[str, Any]) -> RecordingWithKeys:
    """Read the columns RECORDING_LABELS, and ``now``."""
    keys = None
    if row["recording_wrapped_key_"] is not None:
        keys = RecordingKeys(
            key_version=row["recording_key_version_"],
            month_key=row["recording_month_key_"],
            wrapped_key=row["recording_wrapped_key_"],
            evidence=row["recording_evidence_"],
            details=None,
            waveform=None,
        )
    recording = recording_from({name: row[label] for name, label in _RECORDING_NAMES})
    return RecordingWithKeys(recording=recording, keys=keys, now=row["now"])


def _shared(row: Mapping[str, Any]) -> dict[str, Any]:
    with_keys = read_recording(row)
    return {
        "link": link_from(row),
        "recording": with_keys.recording,
        "keys": with_keys.keys,
        "now": with_keys.now,
    }


_RECORDING_NAMES: Final = tuple((column.name, f"recording_{column.name}_") for column in RECORDING_COLUMNS)
