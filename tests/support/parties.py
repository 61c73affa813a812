"""Parties of a call who are told and answer, and recordings that wait for it: what tests of consent share."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from tests.support.service_house import House
from vault.database.schema.core import recordings
from vault.domain.admission.decision import Decision
from vault.domain.consent.consent_event import Answer, ConsentPolicy, Method, Party
from vault.domain.recordings.recording import State
from vault.domain.stored.evidence import Evidence
from vault.services.consent.consent_records import ConsentRequest, EvidenceView

#: California, where a notice is enough, and New York, where none is asked for: inbound, so the caller must know.
CALLER, CALLEE = "+14155550123", "+12125550100"
PARTIES = {"direction": "inbound", "from": CALLER, "to": CALLEE}
ME = {"actor": "key_test"}
_METHODS: dict[Answer, Method] = {"announced": "announcement"}


class Interrupted:
    """Passes calls of a database on; just before the first write something else happens."""

    def __init__(self, database: Any, happens: Callable[[], Awaitable[Any]]) -> None:
        """Wrap a database of which one verb writes."""
        self.database, self.happens = database, happens
        self.begun = False

    def __getattr__(self, name: str) -> Any:
        """Return everything else as it is."""
        return getattr(self.database, name)

    async def write(self, function: Any, *, urgent: bool = False) -> Any:
        """Let it happen, and write."""
        if not self.begun:
            self.begun = True
            await self.happens()
        return await self.database.write(function, urgent=urgent)


async def set_policy(house: House, **wanted: Any) -> None:
    """Set the account's policy; what is left out is the default, which keeps apart what lacks evidence."""
    await house.vault.consent.policy.set(house.account.id, ConsentPolicy(**wanted), if_version=None, **ME)


async def tell(
    house: House,
    answer: Answer,
    *,
    party: Party = "caller",
    method: Method | None = None,
    at: datetime | None = None,
    call: str = "call-1",
    **more: Any,
) -> Decision:
    """Tell what a party was told or answered, now unless said otherwise; return the answer's decision."""
    wish = ConsentRequest(
        party=party,
        answer=answer,
        method=method or _METHODS.get(answer, "key"),
        at=at or datetime.now(UTC),
        **more,
    )
    _, decision = await house.vault.consent.records.report(house.account.id, call, wish, **ME)
    return decision


async def told(house: House, words: str, *, call: str = "call-1") -> None:
    """Tell several things, each ``party answer`` or an answer of the caller, with commas between them."""
    for word in filter(None, words.split(", ")):
        *party, answer = word.split()
        await tell(house, answer, party=(party or ["caller"])[0], call=call)  # type: ignore[arg-type]


async def announced(house: House, ref: str = "rec-1", **data: Any) -> str:
    """Announce a recording of a call whose caller must be told; return its id."""
    recording_id = (await house.announce(ref, **(PARTIES | data))).recording_id
    assert recording_id is not None
    return recording_id


async def through_the_gate(house: House, recording_id: str) -> State:
    """Fetch, seal and describe a recording, and return where the gate left it."""
    await house.hurry(recording_id)
    await house.vault.jobs.ingest()
    await house.hurry(recording_id)
    await house.vault.jobs.describe()
    return await house.state(recording_id)


async def kept_apart(house: House, ref: str = "rec-1", **data: Any) -> str:
    """Return the id of a recording that is in quarantine because nobody was told."""
    recording_id = await announced(house, ref, **data)
    assert await through_the_gate(house, recording_id) is State.QUARANTINED
    return recording_id


async def let_in(house: House, ref: str = "rec-1", **data: Any) -> str:
    """Return the id of a recording that is available because its caller was told."""
    await tell(house, "announced", call=data.get("call_ref", "call-1"))
    recording_id = await announced(house, ref, **data)
    assert await through_the_gate(house, recording_id) is State.AVAILABLE
    return recording_id


async def grounds(house: House, recording_id: str) -> list[str]:
    """Return the codes of what stands against a recording."""
    return [reason.code for reason in (await house.row(recording_id)).reasons]


async def evidence(house: House, recording_id: str) -> EvidenceView:
    """Read a recording's evidence."""
    return await house.vault.consent.records.read_evidence(house.account.id, recording_id, **ME)


async def kinds(house: House, recording_id: str) -> list[str]:
    """Return what the entries after the sealing are about, each of which names the one before it."""
    view = await evidence(house, recording_id)
    before = view.sealed
    for entry in view.chain:
        assert entry.content["before"] == before.digest
        assert entry.content["recording"] == recording_id
        before = entry
    assert view.head == before.digest
    return [entry.content["kind"] for entry in view.chain]


async def nothing_left(house: House, recording_id: str) -> bool:
    """Say whether a recording has neither a key nor an entry of evidence any more."""
    rows = await house.database.read(lambda tx: tx.evidence.of_recording(recording_id))
    return not rows and await house.keys_gone(recording_id)


async def results(house: House, recording_id: str, kind: str) -> list[str | None]:
    """Return the results of a recording's events of one kind."""
    found = await house.database.read(
        lambda tx: tx.events.page(house.account.id, recording_id=recording_id, start=0, limit=1000)
    )
    return [logged.event.result for logged in found if logged.event.type == kind]


async def shift(house: House, recording_id: str, **columns: Any) -> None:
    """Write into a recording's row what nobody may."""
    changed = update(recordings).where(recordings.c.id == recording_id).values(**columns)
    await house.database.write(lambda tx: tx.connection.execute(changed) and None)


def said_of(entry: Evidence) -> str:
    """Return an entry's JSON without what chance made of it."""
    said = {name: value for name, value in entry.content.items() if name not in {"at", "before", "recording"}}
    return json.dumps(said, sort_keys=True)


def ago(seconds: float) -> datetime:
    """Return a moment before now; later than now for less than zero."""
    return datetime.now(UTC) - timedelta(seconds=seconds)


async def lift(house: House, recording_id: str, **told: Any) -> None:
    """Lift the restriction of a recording."""
    await house.vault.recordings.recordings.restrict(
        house.account.id, recording_id, restricted=False, reason=None, **ME, **told
    )


async def causes(house: House, recording_id: str) -> list[str]:
    """Return why a recording is restricted, as it is shown."""
    return list((await house.vault.recordings.recordings.read(house.account.id, recording_id)).restricted_by)
