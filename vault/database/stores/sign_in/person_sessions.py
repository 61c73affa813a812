"""Console sessions of people: what their roles allow now, and their end; and the links of what is heard in sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, update

from vault.database.schema.accounts import console_sessions
from vault.database.schema.core import links
from vault.database.schema.sign_in import people
from vault.database.stores.playback.links import may_play
from vault.database.stores.rows import Rows
from vault.database.stores.sign_in.sign_in import SignInRows
from vault.domain.accounts.console_session import OPENED_AT_ONCE
from vault.domain.accounts.roles import encode_limits, grants_of
from vault.domain.playback.link import MAX_LIFETIME
from vault.domain.sign_in.connection import OPERATORS

_S, _P, _L = console_sessions.c, people.c, links.c


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedSession:
    """A console session that was just ended, and its person."""

    id: str
    person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardLink:
    """A link that was made at the console to be opened immediately."""

    id: str
    account_id: str
    recording_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLink(HeardLink):
    """A link that a person made to be opened immediately."""

    person_id: str
    #: The mappings that gave the person something at the last sign-in.
    role_ids: tuple[str, ...]


class PersonSessionRows(Rows):
    """Console sessions of people, in one transaction."""

    def apply_roles(self, account_id: str, person_id: str | None = None) -> None:
        """Give the open sessions of an account's people, or of one, exactly what their roles give now."""
        roles = SignInRows(self._db).roles(account_id)
        # The session of an operator has no account.
        mine = (_P.account_id == account_id) & _S.ended_at.is_(None)
        mine &= _S.person_id.is_not(None) if person_id is None else _S.person_id == person_id
        query = (
            select(_S.id, _S.scopes, _S.limits, _P.role_ids).join(people, _P.id == _S.person_id).where(mine)
        )
        for session_id, scopes, limits, role_ids in self._db.execute(query).all():
            given = grants_of([roles[one] for one in role_ids if one in roles])
            now = {"scopes": sorted(given.scopes), "limits": encode_limits(given.limits)}
            if now != {"scopes": scopes, "limits": limits}:
                self._db.execute(update(console_sessions).where(_S.id == session_id).values(now))

    def end(self, person_id: str, at: datetime) -> Sequence[EndedSession]:
        """End the open sessions of a person, and return them."""
        return self._end(_S.person_id == person_id, at)

    def end_sid(self, sid: str, at: datetime) -> Sequence[EndedSession]:
        """End the open sessions that began with a provider's session, and return them."""
        return self._end(_S.person_id.is_not(None) & (_S.sid == sid), at)

    def listening(self, account_id: str, now: datetime, person_id: str | None = None) -> Sequence[PersonLink]:
        """Return the links that an account's people, or one, opened at the console and that may still play.

        ``account_id``: OPERATORS for those of operators, whose links are of any account.
        """
        mine = (_P.account_id == account_id) & (_L.created_at > now - MAX_LIFETIME)
        if account_id != OPERATORS:
            mine &= _L.account_id == account_id
        if person_id is not None:
            mine &= _L.created_by == person_id
        mine &= (_L.sessions == 1) & may_play()
        columns = (_L.id, _L.account_id, _L.recording_id, _P.id.label("person_id"), _P.role_ids)
        rows = self._db.execute(
            select(*columns, _L.created_at, _L.expires_at).join(people, _P.id == _L.created_by).where(mine)
        )
        return [
            PersonLink(
                id=row.id,
                account_id=row.account_id,
                recording_id=row.recording_id,
                person_id=row.person_id,
                role_ids=tuple(row.role_ids),
            )
            for row in rows
            # Its life is counted by the database's clock, its creation by this node's.
            if row.expires_at - row.created_at < 2 * OPENED_AT_ONCE
        ]

    def heard_in(self, session_id: str) -> Sequence[HeardLink]:
        """Return the links that were opened in a console session and that may still play."""
        return self._heard(_L.console_session_id == session_id)

    def heard_with_key(self, key_id: str) -> Sequence[HeardLink]:
        """Return the links that were opened in the console sessions of an API key and that may still play."""
        mine = select(_S.id).where(_S.key_id == key_id)
        return self._heard(_L.console_session_id.in_(mine))

    def _heard(self, condition: ColumnElement[bool]) -> Sequence[HeardLink]:
        columns = (_L.id, _L.account_id, _L.recording_id)
        # The first condition is implied; the partial index needs it.
        query = select(*columns).where(_L.console_session_id.is_not(None), condition, may_play())
        return [HeardLink(**row._mapping) for row in self._db.execute(query.order_by(_L.id))]  # noqa: SLF001 - SQLAlchemy's public name

    def _end(self, condition: ColumnElement[bool], at: datetime) -> Sequence[EndedSession]:
        ended = update(console_sessions).where(condition, _S.ended_at.is_(None)).values(ended_at=at)
        rows = self._db.execute(ended.returning(_S.id, _S.person_id)).all()
        return [
            EndedSession(id=row.id, person_id=row.person_id) for row in sorted(rows, key=lambda row: row.id)
        ]
