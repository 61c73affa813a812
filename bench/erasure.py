"""An erasure by number, for ``bench.retention``: from a person's request to its receipt."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from time import perf_counter
from typing import Any, Final

from sqlalchemy import insert

from bench.archive import add_like
from vault.database.schema.core import recording_terms
from vault.domain.recordings.recording import RecordingFilter
from vault.domain.requests.request import Identity, PersonalData, RequestState, Verdict, Verification
from vault.services.requests.requests import NewRequest, RulingRequest
from vault.services.service import Vault
from vault.services.shared.encrypted_fields import search_term

#: Recordings that a person has.
PERSONS: Final = 50
_ACTOR: Final = "bench"


@dataclass(frozen=True, slots=True)
class Erasures:
    """Persons, each with recordings and a request about them."""

    vault: Vault
    account_id: str
    numbers: "count[int]" = field(default_factory=count)

    async def erase(self) -> float:
        """Add a person's recordings, which nobody measures; return the milliseconds from the request to its receipt."""
        number = next(self.numbers)
        caller = f"+3361234{number:04}"
        await self._add(number, caller)
        begun = perf_counter()
        await self._close(await self._ask(number, caller))
        return (perf_counter() - begun) * 1000

    async def _add(self, number: int, caller: str) -> None:
        page = await self.vault.database.read(
            lambda tx: tx.recordings.page(self.account_id, RecordingFilter(), before=None, limit=1)
        )
        key = await self.vault.recordings.recordings.call_terms.index_key(self.account_id)
        term = search_term(key, "number", caller)

        def add(tx: Any) -> None:
            # Above all ids of the archive.
            first = 10**9 + number * PERSONS
            ids = add_like(tx, page[0], first, first + PERSONS - 1)
            rows = [{"account_id": self.account_id, "term": term, "recording_id": one} for one in ids]
            tx.connection.execute(insert(recording_terms), rows)

        await self.vault.database.write(add)

    async def _ask(self, number: int, caller: str) -> str:
        at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        personal = PersonalData(
            reference=f"bench {number}",
            identities=(Identity(type="number", value=caller),),
            period=None,
            wish=None,
            verification=Verification(method="callback", at=at, by=_ACTOR),
        )
        new = NewRequest(kind="erasure", regime="gdpr", received_at=at, personal=personal)
        view, _ = await self.vault.requests.requests.receive(self.account_id, new, actor=_ACTOR)
        ruling = RulingRequest(
            default=Verdict(code="erased"), verdicts={}, reason=None, period=None, whole_time=False
        )
        await self.vault.requests.requests.decide(self.account_id, view.request.id, ruling, actor=_ACTOR)
        return view.request.id

    async def _close(self, request_id: str) -> None:
        jobs = self.vault.jobs
        for _ in range(2 * PERSONS):
            await jobs.execute_requests()
            while await jobs.remove_erased():
                pass
            await jobs.log_publisher.sequence()
            view = await self.vault.requests.requests.read(self.account_id, request_id)
            if view.request.closed_at is not None:
                named = view.request.personal and view.request.personal.ruling
                if (
                    view.request.state is not RequestState.FULFILLED
                    or not named
                    or len(named.recordings) != PERSONS
                ):
                    raise RuntimeError(f"The request is {view.request.state}, and not all was erased.")
                return
        raise RuntimeError("The erasure does not end.")
