"""How much of its allowance in the log each actor without a valid permission has used, over all nodes."""

from datetime import datetime

from sqlalchemy import BigInteger, case, delete, func, literal, select, type_coerce, update

from vault import metrics
from vault.database.schema.access_log import log_allowances
from vault.database.schema.core import MICROSECOND, links, micros
from vault.database.sql.dialect import database_now, insert_for
from vault.database.stores.rows import Rows
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.log_allowance import INTERVAL, NEEDS_NO_PERMISSION, last_free
from vault.domain.playback.link import denials_allowed

# Max deletions in one transaction, so that it does not delay other writers.
_BATCH_SIZE = 1000
_STEP = INTERVAL // MICROSECOND


class LogAllowanceRows(Rows):
    """The allowances of actors, and the refusals of links, which are counted in their rows."""

    def take(self, event: AccessEvent) -> bool:
        """Return whether an event is logged: one that needs no permission uses the allowance, or is counted."""
        if event.type not in NEEDS_NO_PERMISSION:
            return True
        # A link that opens no more ends; its sessions, keys and sign-in connections have no such end.
        is_of_link = event.link_id is not None and event.actor == event.link_id
        if self._take_of_link(event) if is_of_link else self._take(event.actor):
            return True
        metrics.DENIALS_NOT_LOGGED.inc()
        return False

    def _take(self, actor: str) -> bool:
        # The database's clock alone: a node whose clock is ahead would use up what the others have.
        now, used = database_now(self._db), log_allowances.c.used_until
        put = insert_for(self._db, log_allowances).values(actor=actor, used_until=now + INTERVAL)
        taken = put.on_conflict_do_update(
            index_elements=["actor"],
            set_={
                "used_until": case(
                    (used > now, type_coerce(used, BigInteger) + _STEP), else_=micros(now) + _STEP
                )
            },
            where=used <= last_free(now),
        ).returning(literal(1))
        return self._db.execute(taken).first() is not None

    def _take_of_link(self, event: AccessEvent) -> bool:
        mine = links.c.id == event.link_id
        row = self._db.execute(
            select(links.c.created_at, links.c.denials).where(mine).with_for_update()
        ).first()
        age = max(database_now(self._db), event.at) - (event.at if row is None else row.created_at)
        if row is None or (row.denials or 0) >= denials_allowed(age):
            return False
        self._db.execute(update(links).where(mine).values(denials=func.coalesce(links.c.denials, 0) + 1))
        return True

    def forget_whole(self, now: datetime) -> bool:
        """Delete a batch of allowances of which nothing is used any more; False if there are none."""
        whole = select(log_allowances.c.actor).where(log_allowances.c.used_until < now).limit(_BATCH_SIZE)
        statement = delete(log_allowances).where(log_allowances.c.actor.in_(whole))
        return bool(self._db.execute(statement).rowcount)
