"""Cheap checks of the database, the object store, the root key and the clock: for readiness and for jobs that pause."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from vault import metrics
from vault.circuit_breaker import CircuitBreaker
from vault.database.interface import Database
from vault.errors import Tampered, Unavailable, VaultError
from vault.ports.clock import Clock
from vault.ports.keys import RootKey
from vault.ports.objects import ObjectStore
from vault.services.node.vault_identity import kept_proof, proof_context

Part = Literal["database", "objects", "root_key", "clock"]
#: Webhooks are refused from 5 minutes on, and S3 refuses requests from 15 minutes on.
MAX_CLOCK_OFFSET = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessProbe:
    """Check the parts that a node needs."""

    database: Database
    objects: ObjectStore
    root_key: RootKey
    #: Key of the object that names the vault to which the object store belongs.
    owner_marker: str
    clock: Clock
    #: Whether the database has a clock of its own, which all nodes share. SQLite has that of this machine.
    database_has_clock: bool

    async def check(self, part: Part) -> None:
        """Check the database's schema, the object store's marker, that the root key opens its proof, or the clock.

        Raises StartRefused for a foreign schema, NotFound if the store has no marker, Tampered for another
        root key, Unavailable.
        """
        if part == "database":
            await self.database.check()
        elif part == "objects":
            await self.objects.size(self.owner_marker)
        elif part == "root_key":
            await self._check_root_key()
        else:
            await self._check_clock()

    async def _check_clock(self) -> None:
        """Compare the node's clock with those of others. It is right if one of them agrees: another may be wrong."""
        offsets = [self.clock() - other for other in await self._other_clocks()]
        if not offsets:
            return
        nearest = min(offsets, key=abs)
        metrics.CLOCK_OFFSET.set(nearest.total_seconds())
        if abs(nearest) > MAX_CLOCK_OFFSET:
            raise Unavailable("The clock of the node is wrong.")

    async def _other_clocks(self) -> list[datetime]:
        """Return the times of database and object store, as far as they have and tell one."""
        found = list[datetime]()
        if self.database_has_clock:
            with suppress(VaultError):
                found.append(await self.database.read(lambda tx: tx.now()))
        with suppress(VaultError):
            found += filter(None, [await self.objects.clock()])
        return found

    async def _check_root_key(self) -> None:
        stored = await self.database.read(kept_proof)
        if stored is None:
            raise Tampered("The proof of the root key is missing in the database.")
        vault_id, proof = stored
        await self.root_key.unwrap(proof, proof_context(vault_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outages:
    """Whether a part answers, by its circuit breaker; a part without one counts as up."""

    probe: ReadinessProbe
    breakers: Mapping[Part, CircuitBreaker] = field(default_factory=dict)

    async def is_up(self, part: Part) -> bool:
        """Return whether work that needs the part may begin.

        A half-open breaker is tested by the part's cheapest request, not by the work on a recording.
        """
        breaker = self.breakers.get(part)
        if breaker is None or breaker.state == "closed":
            return True
        if breaker.state == "open":
            return False
        try:
            await self.probe.check(part)
        except Unavailable:
            return False
        except VaultError:
            return True  # It answers; the work will say what is wrong with it.
        return True
