"""Sessions in the console, and the invitations that start one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, case, delete, insert, or_, select, update

from vault.database.schema.accounts import api_keys, console_invitations, console_searches, console_sessions
from vault.database.schema.core import accounts
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.conditions import earlier_than
from vault.database.sql.dialect import DatabaseNow
from vault.database.stores.rows import Rows
from vault.domain.accounts.account import Account
from vault.domain.accounts.console_session import MAX_IDLE, ConsoleSession
from vault.domain.accounts.roles import decode_limits, encode_limits

_S, _I = console_sessions.c, console_invitations.c
#: Max rows that one sign-in deletes.
_BATCH_SIZE: Final = 1000
#: A session by ``secret_hash``, with its API key and the account that a URL names as ``named``.
CONSOLE_SESSION: Final = CompiledSelect(
    select(
        *(_S[name] for name in ConsoleSession.__slots__),
        api_keys.c.scopes.label("key_scopes_"),
        api_keys.c.revoked_at.label("key_revoked_at_"),
        *(accounts.c[name].label(f"account_{name}_") for name in Account.__slots__),
        DatabaseNow().label("now"),
    )
    .select_from(console_sessions)
    .outerjoin(api_keys, api_keys.c.id == _S.key_id)
    .outerjoin(accounts, or_(accounts.c.id == bindparam("named"), accounts.c.ref == bindparam("named")))
    .where(console_sessions.c.secret_hash == bindparam("secret_hash"))
    .order_by(case((accounts.c.id == bindparam("named"), 0), else_=1))
    .limit(1)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedSession:
    """A session, also if it has ended."""

    session: ConsoleSession
    #: Whether the API key that began it is revoked or gone.
    key_is_dead: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSessionWithAccount(LockedSession):
    """A session, also if it has ended, and the account that was asked for."""

    account: Account | None
    #: The database's time.
    now: datetime


def read_console_session(rows: Sequence[Mapping[str, Any]]) -> ConsoleSessionWithAccount | None:
    """Read the row of CONSOLE_SESSION. A session of a key has the scopes that the key has now."""
    if not rows:
        return None
    row = rows[0]
    scopes = row["scopes"] if row["key_id"] is None else row["key_scopes_"] or ()
    account = None
    if row["account_id_"] is not None:
        account = Account(**{name: row[f"account_{name}_"] for name in Account.__slots__})
    return ConsoleSessionWithAccount(
        session=_session(row, scopes),
        key_is_dead=row["key_id"] is not None
        and (row["key_scopes_"] is None or row["key_revoked_at_"] is not None),
        account=account,
        now=row["now"],
    )


class ConsoleSessionRows(Rows):
    """Sessions in the console, and invitations."""

    def insert(self, session: ConsoleSession, secret_hash: bytes) -> None:
        """Insert a session and the hash of its secret."""
        values = {name: getattr(session, name) for name in ConsoleSession.__slots__}
        values |= {"scopes": sorted(session.scopes), "limits": encode_limits(session.limits)}
        values |= {"secret_hash": secret_hash}
        self._db.execute(insert(console_sessions).values(values))

    def get(self, session_id: str) -> ConsoleSession | None:
        """Return a session, also if it has ended. The scopes of a key's session are not those of the key now."""
        row = self._db.execute(select(console_sessions).where(_S.id == session_id)).mappings().first()
        return None if row is None else _session(row, row["scopes"])

    def lock(self, session_id: str) -> LockedSession | None:
        """Return a session with what it may do now. Until the end of the transaction nothing takes that away."""
        query = select(console_sessions).where(_S.id == session_id)
        row = self._db.execute(query.with_for_update(read=True)).mappings().first()
        if row is None:
            return None
        if row["key_id"] is None:
            return LockedSession(session=_session(row, row["scopes"]), key_is_dead=False)
        alive = (api_keys.c.id == row["key_id"]) & api_keys.c.revoked_at.is_(None)
        scopes = self._db.execute(select(api_keys.c.scopes).where(alive).with_for_update(read=True)).scalar()
        return LockedSession(session=_session(row, scopes or ()), key_is_dead=scopes is None)

    def touch(self, session_id: str, now: datetime) -> None:
        """Write the time of the last request."""
        mine = (_S.id == session_id) & (_S.last_used_at < now)
        self._db.execute(update(console_sessions).where(mine).values(last_used_at=now))

    def verified(self, session_id: str, at: datetime) -> None:
        """Note that the person has just proved who it is."""
        self._db.execute(update(console_sessions).where(_S.id == session_id).values(verified_at=at))

    def signed_in_again(self, session_id: str, *, sid: str | None, verified_at: datetime | None) -> None:
        """Note the provider's session of now, and when it asked the person, if it says so."""
        said = {"sid": sid, "verified_at": verified_at}
        values = {name: value for name, value in said.items() if value is not None}
        if values:
            self._db.execute(update(console_sessions).where(_S.id == session_id).values(values))

    def end(self, session_id: str, at: datetime) -> None:
        """End a session; the time of the first end stays."""
        mine = (_S.id == session_id) & _S.ended_at.is_(None)
        self._db.execute(update(console_sessions).where(mine).values(ended_at=at))

    def open(
        self,
        account_id: str | None,
        now: datetime,
        *,
        before: tuple[datetime, str] | None,
        limit: int,
        person_id: str | None = None,
    ) -> Sequence[ConsoleSession]:
        """Return a page of an account's open sessions, or of those of operators for None, the newest first.

        ``person_id``: those of one person alone.
        """
        mine = _S.account_id.is_(None) if account_id is None else _S.account_id == account_id
        if person_id is not None:
            mine &= _S.person_id == person_id
        mine &= _S.ended_at.is_(None) & (_S.ends_at > now) & (_S.last_used_at > now - MAX_IDLE)
        alive = select(api_keys.c.id).where(api_keys.c.id == _S.key_id, api_keys.c.revoked_at.is_(None))
        query = select(console_sessions).where(mine, _S.key_id.is_(None) | alive.exists())
        query = query.where(*earlier_than(_S.created_at, _S.id, before))
        rows = self._db.execute(query.order_by(_S.created_at.desc(), _S.id.desc()).limit(limit)).mappings()
        return [_session(row, row["scopes"]) for row in rows]

    def forget(self, before: datetime) -> None:
        """Delete a batch of the sessions and invitations that were over before this time."""
        old = select(_S.id).where(_S.ends_at < before).limit(_BATCH_SIZE)
        self._db.execute(delete(console_sessions).where(_S.id.in_(old)))
        self._db.execute(delete(console_invitations).where(_I.expires_at < before))

    def invite(self, key_id: str, secret_hash: bytes, expires_at: datetime) -> None:
        """Insert an invitation for a key."""
        row = {"secret_hash": secret_hash, "key_id": key_id, "expires_at": expires_at}
        self._db.execute(insert(console_invitations).values(row))

    def accept(self, secret_hash: bytes, now: datetime) -> str | None:
        """Use up an invitation; return its key. None if it was used, is over or never was."""
        mine = (console_invitations.c.secret_hash == secret_hash) & (_I.expires_at > now)
        taken = delete(console_invitations).where(mine).returning(_I.key_id)
        return self._db.execute(taken).scalar()


class ConsoleSearchRows(Rows):
    """The searches of sessions."""

    def add(
        self, search_id: str, session_id: str, sealed: bytes, *, now: datetime, expires_at: datetime
    ) -> None:
        """Insert a search, and delete those that are over."""
        self._db.execute(delete(console_searches).where(console_searches.c.expires_at < now))
        row = {"id": search_id, "session_id": session_id, "sealed_search": sealed, "expires_at": expires_at}
        self._db.execute(insert(console_searches).values(row))

    def get(self, search_id: str, session_id: str, now: datetime) -> bytes | None:
        """Return a session's own search; None if it is over."""
        c = console_searches.c
        mine = (c.id == search_id) & (c.session_id == session_id) & (c.expires_at > now)
        return self._db.execute(select(c.sealed_search).where(mine)).scalar()


def _session(row: Mapping[Any, Any], scopes: Sequence[str]) -> ConsoleSession:
    values = {name: row[name] for name in ConsoleSession.__slots__}
    limits = decode_limits(row["limits"] or ())
    return ConsoleSession(**values | {"scopes": frozenset(scopes), "limits": limits})
