"""Reconcile with a provider: compare the provider's list of recordings with its announcements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from vault import metrics
from vault.database.interface import Database
from vault.database.signals import Work
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Connection
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.calls.provider_api import Listed, ListedPage
from vault.errors import AccountClosed, FetchFailed, NotFound
from vault.ports.clock import Clock
from vault.ports.telephony import Provider, RestClient
from vault.services.ingest.announce import Announce
from vault.services.shared.connection_cache import ConnectionCache
from vault.services.shared.job import ClaimJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)
#: Statuses by which a platform refuses the credentials.
_UNAUTHORIZED: Final = frozenset({401, 403})
#: Interval between two comparisons of a connection's list.
INTERVAL = timedelta(minutes=15)
#: How far a comparison reaches back before the previous one: media may take a day to be ready.
OVERLAP = timedelta(hours=24)
#: Recordings of younger calls are skipped: their webhook may still arrive.
MIN_AGE = timedelta(minutes=5)
_MAX_PAGES = 1000


class _NotAuthorized(FetchFailed):
    """The platform refuses the credentials of a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileProvider:
    """Find recordings that the provider has and never announced, and announce them.

    Each one is an access event, ``recording.missed``, and is then processed like any other announcement,
    admission included.
    """

    database: Database
    rest: RestClient
    providers: Mapping[str, Provider]
    connection_cache: ConnectionCache
    announce: Announce
    clock: Clock

    def jobs(self) -> Sequence[Job]:
        """Return the comparison of one connection."""
        return [ClaimJob(work=Work.RECONCILE, step=self, needs_objects=False)]

    async def __call__(self) -> bool:
        """Compare the list of one connection; return False if none is due."""
        claimed = await self.database.write(lambda tx: tx.connections.claim_reconciliation(pause=INTERVAL))
        if claimed is None:
            return False
        connection, until = claimed
        now, since = self.clock(), connection.collect_from
        if until > since:
            # Not before: an admin may have written the first day of the calendar for everything.
            since = max(until - OVERLAP, since)
        try:
            missed = await self._compare(connection, since, now)
        except (FetchFailed, NotFound) as error:
            # NotFound: the connection was deleted in the meantime.
            _LOG.warning("reconcile.failed", connection_id=connection.id, reason=str(error))
            await self.database.write(partial(_note_failure, connection, now, _code(error)))
            return True
        await self.database.write(partial(_note_success, connection, now, until))
        if missed:
            _LOG.warning("reconcile.missed", connection_id=connection.id, count=missed)
        return True

    async def _compare(self, connection: Connection, since: datetime, now: datetime) -> int:
        provider = self.providers[connection.provider]
        missed, cursor = 0, None
        for _ in range(_MAX_PAGES):
            page = await self._page(provider, connection, since, cursor)
            for listed in page.items:
                missed += await self._announce_missed(connection, listed, now)
            if page.cursor is None:
                return missed
            cursor = page.cursor
        # The rest is not compared, so this connection must not be marked as reconciled.
        raise FetchFailed(
            f"The provider's list has more than {_MAX_PAGES} pages, the maximum for one comparison."
        )

    async def _page(
        self, provider: Provider, connection: Connection, since: datetime, cursor: str | None
    ) -> ListedPage:
        opened = await self.connection_cache.get(connection.id)
        request = provider.list_request(since, cursor, opened.access(self.clock()))
        if request is None:
            return ListedPage()
        reply = await self.rest.send(request)
        if reply.status in _UNAUTHORIZED:
            raise _NotAuthorized(f"The platform answered {reply.status}.")
        return provider.listed(reply)

    async def _announce_missed(self, connection: Connection, listed: Listed, now: datetime) -> int:
        """Announce a listed recording; return 1 if it was missed, else 0."""
        ended = listed.facts.ended_at
        if ended is not None and not connection.collect_from <= ended <= now - MIN_AGE:
            # A provider that lists whole days returns more than the requested period.
            return 0
        try:
            announced = await self.announce(
                connection,
                facts=listed.facts,
                announcement=listed.announcement,
                received_at=now,
                arrival="reconcile",
            )
        except AccountClosed:
            return 0
        if not (announced.created or announced.renewed):
            return 0
        event = AccessEvent(
            type="recording.missed",
            at=now,
            account_id=connection.account_id,
            actor="worker",
            recording_id=announced.recording_id,
            result=str(announced.state),
        )
        await self.database.write(lambda tx: tx.events.append(event))
        metrics.MISSED.labels(connection.provider).inc()
        return 1


def _code(error: FetchFailed | NotFound) -> str:
    if isinstance(error, _NotAuthorized):
        return "unauthorized"
    return "unreachable" if isinstance(error, FetchFailed) and error.host_down else "answer"


def _note_failure(connection: Connection, now: datetime, code: str, tx: Transaction) -> None:
    """Note why the list could not be read; tell the account once that its credentials are refused."""
    tx.connections.note_list_error(connection.id, now, code)
    if code != "unauthorized" or tx.connections.get(connection.id) is None:
        return
    if tx.connection_alerts.begin(connection.id, "unauthorized", now):
        tx.events.append(
            AccessEvent(
                type="connection.needs_authorization", at=now, account_id=connection.account_id, actor="worker",
                result=connection.id,
            )
        )  # fmt: skip


def _note_success(connection: Connection, now: datetime, was: datetime, tx: Transaction) -> None:
    """Note up to when the list was compared; an admin's earlier ``collect_from``, set meanwhile, is not overwritten."""
    tx.connections.reconciled(connection.id, now, was=was)
    tx.connection_alerts.end(connection.id, "unauthorized")
