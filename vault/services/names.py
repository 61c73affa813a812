"""Names of people, keys and things, by their ids: what the console shows in the place of an id."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from vault.database.interface import Database
from vault.database.stores.calls.call_facts import CallFactRow
from vault.database.stores.requests.requests import RequestRow
from vault.database.transaction import Transaction
from vault.domain.calls.call import CallFacts
from vault.domain.playback.link import Link
from vault.domain.recordings.recording import GONE, Recording
from vault.domain.sign_in.connection import PersonRow, decode_profile
from vault.domain.stored.retention_json import StoredHold
from vault.errors import NotFound, Tampered
from vault.services.requests.sealed_requests import SealedRequests
from vault.services.retention.place_hold import texts_of_hold
from vault.services.shared.encrypted_fields import join_facts, open_facts, open_listener
from vault.services.shared.paced import paced
from vault.services.shared.people_keys import PeopleKeys

#: Ids whose names one call looks up.
MAX_IDS: Final = 1000
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """What people call something; for a recording, when its call was and with whom."""

    #: None if nothing has a name, or if it is forgotten.
    text: str | None = None
    #: Of a recording: the start of its call, or when it was received.
    at: datetime | None = None
    is_voicemail: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """What was read for some ids."""

    keys: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    people: Sequence[PersonRow] = ()
    links: Mapping[str, Link] = field(default_factory=dict)
    recordings: Sequence[Recording] = ()
    facts: Sequence[CallFactRow] = ()
    requests: Sequence[RequestRow] = ()
    holds: Sequence[StoredHold] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Find the names of what belongs to an account, and of operators."""

    database: Database
    people_keys: PeopleKeys
    requests: SealedRequests

    async def of(self, account_id: str, ids: Sequence[str], *, with_numbers: bool) -> Mapping[str, Name]:
        """Return the names of those ids that are known, at most MAX_IDS of them.

        ``with_numbers``: recordings with the number of the outside party, for who may read calls. What cannot be
        opened has no name. Raises Unavailable.
        """
        wanted = sorted(set(ids))[:MAX_IDS]
        rows = await self.database.read(lambda tx: _read(tx, account_id, wanted, with_numbers=with_numbers))
        named = {one: Name(text=text) for one, text in (*rows.keys.items(), *rows.others.items())}
        async for person in paced(rows.people):
            named[person.id] = Name(text=await self._opened(self._person, person))
        async for one, link in paced(rows.links.items()):
            named[one] = Name(text=await self._opened(self._listener, link))
        async for request in paced(rows.requests):
            named[request.request.id] = Name(text=await self._opened(self._reference, request))
        async for hold in paced(rows.holds):
            named[hold.hold.id] = Name(text=await self._opened(self._hold, hold))
        calls = await self._calls(rows.facts)
        for recording in rows.recordings:
            named[recording.id] = _name_of(recording, calls.get(recording.call_ref))
        return named

    async def _opened(self, read: Callable[[Row], Any], row: Row) -> str | None:
        try:
            text: str | None = await read(row)
        except (NotFound, Tampered):
            return None
        return text

    async def _person(self, row: PersonRow) -> str | None:
        text = await self.people_keys.open_words(row.account_id, "member", row.sealed_profile)
        return None if text is None else decode_profile(text).name

    async def _listener(self, link: Link) -> str:
        return await open_listener(self.requests.ring, link)

    async def _reference(self, row: RequestRow) -> str | None:
        personal = (await self.requests.open(row)).personal
        return None if personal is None else personal.reference

    async def _hold(self, stored: StoredHold) -> str | None:
        return (await texts_of_hold(self.people_keys, stored)).get("name")

    async def _calls(self, rows: Sequence[CallFactRow]) -> Mapping[str, CallFacts]:
        """Return the facts of calls by their references; not of those that cannot be opened."""
        of_call = dict[str, list[CallFactRow]]()
        for row in rows:
            of_call.setdefault(row.call_ref, []).append(row)
        found = {}
        async for ref, mine in paced(of_call.items()):
            try:
                found[ref] = join_facts(ref, await open_facts(self.requests.ring, mine))
            except (NotFound, Tampered):
                continue
        return found


def _read(tx: Transaction, account_id: str, ids: Sequence[str], *, with_numbers: bool) -> _Rows:
    """Read the rows of each kind of which there is an id: one statement for each kind."""

    def beginning(prefix: str) -> list[str]:
        return [one for one in ids if one.startswith(f"{prefix}_")]

    names, found = tx.names, dict[str, Any]()
    for prefix, field_name, rows_of in (
        ("key", "keys", names.keys),
        ("per", "people", names.people),
        ("sess", "links", names.listeners),
        ("rec", "recordings", names.recordings),
        ("req", "requests", names.requests),
        ("hold", "holds", names.holds),
    ):
        if mine := beginning(prefix):
            found[field_name] = rows_of(account_id, mine)
    if mine := beginning("link"):
        found["links"] = {**found.get("links", {}), **names.links(account_id, mine)}
    others = names.others(account_id, ids)
    if with_numbers and (
        refs := {one.call_ref for one in found.get("recordings", ()) if one.state not in GONE}
    ):
        found["facts"] = names.call_facts(account_id, sorted(refs))
    return _Rows(**found, others=others)


def _name_of(recording: Recording, facts: CallFacts | None) -> Name:
    """Return the name of a recording: the time of its call, and the number of the outside party if it is known."""
    number = None
    if facts is not None:
        number = facts.callee if facts.direction == "outbound" else facts.caller
    started = None if facts is None else facts.started_at
    at = started or recording.call_started_at or recording.received_at
    return Name(text=number, at=at, is_voicemail=recording.kind == "voicemail")
