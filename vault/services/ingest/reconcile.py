"""Asking again: the provider's own list, compared with what it announced."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault import metrics
from vault.domain.accounts.account import Connection
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.calls.provider_api import Listed, ListedPage
from vault.errors import FetchFailed, NotFound
from vault.ports.clock import Clock
from vault.ports.database import Database
from vault.ports.telephony import Provider, RestClient
from vault.services.ingest.announce import Announce
from vault.services.shared.connection_cache import ConnectionCache
from vault.structured_log import Log

_LOG = Log(__name__)
#: How often a connection's list is compared.
INTERVAL = timedelta(minutes=15)
#: How far the comparison reaches back before the last one: media may take a day to be ready.
OVERLAP = timedelta(hours=24)
#: A webhook may still be on its way; what is younger than this is left to it.
MIN_AGE = timedelta(minutes=5)
_MAX_PAGES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """Find recordings that a provider has and the vault never heard of, and bring them in.

    Each is an access event, ``recording.missed``, and then goes the way of every announcement:
    admission asks about it as about any other.
    """

    database: Database
    rest: RestClient
    providers: Mapping[str, Provider]
    connections: ConnectionCache
    announce: Announce
    clock: Clock

    async def __call__(self) -> bool:
        """Compare the list of one connection; False if none was due."""
        claimed = await self.database.write(lambda tx: tx.connections.claim_reconciliation(pause=INTERVAL))
        if claimed is None:
            return False
        connection, until = claimed
        now = self.clock()
        try:
            missed = await self._compare(connection, max(until - OVERLAP, connection.collect_from), now)
        except (FetchFailed, NotFound) as error:
            # Not found: it was deleted in the meantime.
            _LOG.warning("reconcile.failed", connection_id=connection.id, reason=str(error))
            return True
        # Whoever asked meanwhile for more of the past is not overruled.
        await self.database.write(lambda tx: tx.connections.reconciled(connection.id, now, was=until))
        if missed:
            _LOG.warning("reconcile.missed", connection_id=connection.id, count=missed)
        return True

    async def _compare(self, connection: Connection, since: datetime, now: datetime) -> int:
        provider = self.providers[connection.provider]
        missed, cursor = 0, None
        for _ in range(_MAX_PAGES):
            page = await self._page(provider, connection, since, cursor)
            for listed in page.items:
                missed += await self._miss(connection, listed, now)
            if page.cursor is None:
                return missed
            cursor = page.cursor
        # What lies behind is not compared, so nothing may say that it was.
        raise FetchFailed("The provider's list has more pages than are read at once.")

    async def _page(
        self, provider: Provider, connection: Connection, since: datetime, cursor: str | None
    ) -> ListedPage:
        opened = await self.connections.get(connection.id)
        request = provider.list_request(since, cursor, opened.access(self.clock()))
        return ListedPage() if request is None else provider.listed(await self.rest.send(request))

    async def _miss(self, connection: Connection, listed: Listed, now: datetime) -> int:
        """Announce what was listed; 1 if nobody had."""
        ended = listed.facts.ended_at
        if ended is not None and not connection.collect_from <= ended <= now - MIN_AGE:
            # A list by days reaches further back than it was asked to.
            return 0
        announced = await self.announce(
            connection, facts=listed.facts, announcement=listed.announcement, received_at=now
        )
        if not announced.created:
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
