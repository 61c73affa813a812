"""Pause a recording at the provider if its call may not be recorded and the platform did not ask at call start.

This is best effort: the provider keeps the audio from before the pause, and the vault refuses it when it is
announced.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from vault.domain.audit_log.access_event import AccessEvent
from vault.errors import FetchFailed, NotFound
from vault.ports.clock import Clock
from vault.ports.consent_stores import Pause
from vault.ports.database import Database, Transaction
from vault.ports.telephony import Provider, RestClient
from vault.services.shared.connection_cache import ConnectionCache
from vault.structured_log import Log

_LOG = Log(__name__)
_RETRY_INTERVAL = timedelta(seconds=3)
#: After these attempts the call is assumed not to be recorded.
_MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRecordings:
    """Request a pause from the provider, with a few retries: the recording may begin a moment later."""

    database: Database
    rest: RestClient
    providers: Mapping[str, Provider]
    connections: ConnectionCache
    clock: Clock

    async def __call__(self) -> bool:
        """Process one pause; return False if none is due."""
        wanted = await self.database.write(lambda tx: tx.pauses.claim(pause=_RETRY_INTERVAL))
        if wanted is None:
            return False
        try:
            paused = await self._request(wanted)
        except (FetchFailed, NotFound) as error:
            _LOG.warning("pause.failed", connection_id=wanted.connection_id, reason=str(error))
            paused = False
        if paused or wanted.attempts >= _MAX_ATTEMPTS:
            await self.database.write(lambda tx: self._done(tx, wanted, paused=paused))
        return True

    async def _request(self, wanted: Pause) -> bool:
        opened = await self.connections.get(wanted.connection_id)
        provider = self.providers[opened.connection.provider]
        request = provider.pause_request(wanted.call_ref, opened.access(self.clock()))
        if request is None:
            return True
        return (await self.rest.send(request)).status // 100 == 2  # noqa: PLR2004 - the class of success

    def _done(self, tx: Transaction, wanted: Pause, *, paused: bool) -> None:
        tx.pauses.done(wanted)
        tx.events.append(
            AccessEvent(
                type="recording.paused",
                at=tx.now(),
                account_id=wanted.account_id,
                actor="worker",
                result="paused" if paused else "not_paused",
            )
        )
