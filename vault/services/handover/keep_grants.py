"""Refresh tokens of integrations that nobody uses: at some systems they die of that."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.database.interface import Database
from vault.errors import Busy, FetchFailed
from vault.ports.clock import Clock
from vault.ports.outside import Outside
from vault.services.handover.grants import GrantEnded, Grants, RefreshFailed
from vault.services.shared.job import IntervalJob, Job

#: After how long without a refresh there is one. The shortest life of an unused token is thirty days.
_UNUSED: Final = timedelta(days=7)
#: How many at once, and how often: one that fails is tried again an hour later.
_BATCH: Final = 100
_EACH: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepGrants:
    """Keep grants alive."""

    database: Database
    grants: Grants
    outside: Outside
    clock: Clock

    def jobs(self) -> Sequence[Job]:
        """Return the refreshing of unused tokens."""
        return [IntervalJob(name="keep_grants", run=self.run, every=_EACH, needs_objects=False)]

    async def run(self) -> None:
        """Refresh what nobody has refreshed for a week."""
        names = [
            name
            for name, one in self.grants.systems.items()
            if one.oauth is not None and one.oauth.unused_life is not None
        ]
        since = self.clock() - _UNUSED
        for stored in await self.database.read(
            lambda tx: tx.integrations.unused_grants(names, since, _BATCH)
        ):
            try:
                opened = await self.grants.open(stored)
                await self.grants.refresh(opened, self.database.write, self.outside.request)
            except (GrantEnded, RefreshFailed, FetchFailed, Busy):
                continue  # The log says the first; the others are tried again.
