"""Console sessions of people: what their roles allow now, and their end."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy import Connection as DbConnection

from vault.database.schema.console import console_sessions
from vault.database.schema.sign_in import people
from vault.database.stores.sign_in import SignInRows
from vault.domain.accounts.roles import scopes_of

_S, _P = console_sessions.c, people.c


class PersonSessionRows:
    """Console sessions of people, in one transaction."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def apply_roles(self, account_id: str, person_id: str | None = None) -> None:
        """Give the open sessions of an account's people, or of one, exactly the scopes of their roles now."""
        roles = SignInRows(self._db).roles(account_id)
        mine = (_S.account_id == account_id) & _S.ended_at.is_(None)
        mine &= _S.person_id.is_not(None) if person_id is None else _S.person_id == person_id
        query = select(_S.id, _S.scopes, _P.role_ids).join(people, _P.id == _S.person_id).where(mine)
        for session_id, scopes, role_ids in self._db.execute(query).all():
            now = sorted(scopes_of(roles[one] for one in role_ids if one in roles))
            if now != scopes:
                self._db.execute(update(console_sessions).where(_S.id == session_id).values(scopes=now))

    def end(self, person_id: str, at: datetime) -> Sequence[str]:
        """End the open sessions of a person; return their ids."""
        return self._end(_S.person_id == person_id, at)

    def end_sid(self, sid: str, at: datetime) -> Sequence[str]:
        """End the open sessions that began with a provider's session; return their ids."""
        return self._end(_S.person_id.is_not(None) & (_S.sid == sid), at)

    def _end(self, wanted: ColumnElement[bool], at: datetime) -> Sequence[str]:
        ended = update(console_sessions).where(wanted, _S.ended_at.is_(None)).values(ended_at=at)
        return sorted(self._db.execute(ended.returning(_S.id)).scalars())
