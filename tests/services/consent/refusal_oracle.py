"""What must be true after every act: nothing that an acknowledged no covers becomes or stays hearable."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from tests.support.service_house import House
from vault.domain.admission.decision import Decision
from vault.domain.consent.consent_event import MODES, ConsentEvent, Party
from vault.domain.recordings.recording import EMPTY, GONE, Recording, State
from vault.errors import NotFound, VaultError

_RANKS = {"allow": 0, "quarantine": 1, "refuse": 2}


class Violation(AssertionError):
    """A rule of the oracle was broken."""


@dataclass(kw_only=True)
class Call:
    """What was acknowledged of one call."""

    ref: str
    #: Every number that was reported, in E.164.
    numbers: set[str] = field(default_factory=set)
    #: Whether digits were reported that nothing can read: they may be anybody's.
    is_unreadable: bool = False
    #: The parties whose no stands.
    against: set[Party] = field(default_factory=set)
    #: Whether anybody ever said no: no recording becomes available after that.
    ever: bool = False
    #: The notices that documents handed out.
    played: set[str] = field(default_factory=set)
    #: Recordings, and those of them that were available before the no or the objection.
    recordings: list[str] = field(default_factory=list)
    before: set[str] = field(default_factory=set)

    def name(self, number: str | None) -> None:
        """Note that a number was reported; None for digits that nothing can read."""
        if number is None:
            self.is_unreadable = True
        else:
            self.numbers.add(number)

    def forget_numbers(self) -> None:
        """Note that its facts may be gone."""
        self.numbers.clear()
        self.is_unreadable = False

    def is_of(self, numbers: set[str]) -> bool:
        """Return whether it can be a call of one of these numbers."""
        return bool(numbers) and (self.is_unreadable or bool(self.numbers & numbers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A session that was opened while its recording could be heard."""

    recording_id: str
    session_id: str
    secret: str = field(repr=False)

    async def first_bytes(self, house: House) -> bytes:
        """Play. Raises VaultError."""
        found = await house.vault.playback.open_links.find(self.session_id, self.secret)
        audio = await house.vault.playback.audio.for_session(found.session, found.recording, found.keys)
        return b"".join([block async for block in await house.vault.playback.audio.stream(audio, 0, 16)])


@dataclass(kw_only=True)
class Oracle:
    """What was acknowledged of one account, and the rules."""

    calls: dict[str, Call] = field(default_factory=dict)
    objected: set[str] = field(default_factory=set)
    #: Numbers whose calls nothing may erase.
    held: set[str] = field(default_factory=set)
    restricted: set[str] = field(default_factory=set)
    #: Links that were made before a no.
    dead: dict[str, str] = field(default_factory=dict)
    sessions: list[Listening] = field(default_factory=list)
    #: Ids of the sessions that were opened before a no.
    ended: set[str] = field(default_factory=set)
    closed: dict[str, int] | None = None

    async def said_no(self, house: House, call: Call, party: Party) -> None:
        """Note that a no was acknowledged, and compare the decision on the call.

        A closed account stores a no only where a hold keeps a recording that it is about.
        """
        if self.closed is not None:
            if all(one.state in GONE for one in await recordings(house, call)):
                return
            self.closed["consent_events"] += 1
        call.against.add(party)
        call.ever = True
        call.before = {one.id for one in await recordings(house, call) if one.state is State.AVAILABLE}
        self.ended |= {one.session_id for one in self.sessions if one.recording_id in call.before}
        for recording_id in call.before:
            for link, _ in await house.vault.playback.links.list(house.account.id, recording_id):
                self.dead[link.id] = recording_id
        decision = await decision_on(house, call)
        if decision is not None and decision.verdict != "refuse":
            raise Violation(f"the {party} said no, and the decision is {decision.verdict}")

    async def entered(self, house: House, number: str) -> None:
        """Note that an objection was acknowledged."""
        self.objected.add(number)
        for call in self.calls.values():
            call.before |= {one.id for one in await recordings(house, call) if one.state is State.AVAILABLE}

    async def listen(self, house: House, recording_id: str, token: str) -> None:
        """Open a link, and hear its recording."""
        opened = await house.vault.playback.open_links.open(token, nonce="n", address="192.0.2.1", agent="a")
        one = Listening(recording_id=recording_id, session_id=opened.session.id, secret=opened.secret.text)
        if not await one.first_bytes(house):
            raise Violation("a session that may play plays nothing")
        self.sessions.append(one)

    def holds(self, call: Call) -> bool:
        """Return whether a hold was acknowledged that covers a call."""
        return call.is_of(self.held)

    async def close(self, house: House) -> None:
        """Note that the account is being closed."""
        self.closed = await stored(house)

    async def check(self, house: House, was: dict[str, Recording]) -> dict[str, Recording]:
        """Compare all recordings with the rules; ``was``: as they were before. Return them as they are."""
        now = dict[str, Recording]()
        for call in self.calls.values():
            for one in await recordings(house, call):
                now[one.id] = one
                await self._check(house, call, one, was.get(one.id))
        if self.closed is not None and any(
            count > self.closed[name] for name, count in (await stored(house)).items()
        ):
            raise Violation("a closed account stored something")
        return now

    async def _check(self, house: House, call: Call, one: Recording, was: Recording | None) -> None:
        is_new = one.state is State.AVAILABLE and (was is None or was.state is not State.AVAILABLE)
        hearable = one.state is State.AVAILABLE and not one.restricted
        if call.against and hearable:
            raise Violation(f"hearable, though {sorted(call.against)} said no")
        if call.ever and is_new and one.id not in call.before:
            raise Violation("became available after a no")
        if call.is_of(self.objected) and is_new and one.id not in call.before:
            raise Violation("became available after an objection")
        if self.holds(call) and one.state in GONE and was is not None and was.state not in EMPTY:
            raise Violation("erased under a hold")
        if one.id in self.restricted and hearable:
            raise Violation("hearable, though an admin restricted it")
        if not hearable:
            await _silent(house, one)
        for session in self.sessions:
            if session.recording_id == one.id and (not hearable or session.session_id in self.ended):
                await _ended(house, session)

    async def check_links(self, house: House) -> None:
        """No link of before a no lives again."""
        for call in self.calls.values():
            for recording_id in call.recordings:
                try:
                    links = await house.vault.playback.links.list(house.account.id, recording_id)
                except VaultError:
                    continue
                if any(link.id in self.dead and link.revoked_at is None for link, _ in links):
                    raise Violation("a link of before a no lives")

    def check_evidence(self, call: Call, events: list[ConsentEvent]) -> None:
        """What documents say was heard is what they handed out."""
        heard = {one.notice.id for one in events if one.notice and one.told_by.startswith("con")}
        if heard - call.played:
            raise Violation("the evidence names a notice that nobody heard")


def check_monotony(before: Decision | None, after: Decision | None) -> None:
    """A fact that is added permits nothing more."""
    if before is None or after is None:
        return
    if _RANKS[after.verdict] < _RANKS[before.verdict]:
        raise Violation(f"a fact made {before.verdict} to {after.verdict}")
    if MODES.index(after.mode) < MODES.index(before.mode):
        raise Violation(f"a fact made {before.mode} to {after.mode}")


def check_erasures(was: dict[str, Recording], now: dict[str, Recording], *, may_erase: bool) -> None:
    """What is reported of a party erases nothing that needs a second person."""
    gone = [
        one for one in now.values() if one.state in GONE and one.id in was and was[one.id].state not in GONE
    ]
    if gone and not may_erase:
        raise Violation("a report erased without a second person")


async def recordings(house: House, call: Call) -> list[Recording]:
    """Return the rows of a call's recordings."""
    return list(await house.database.read(lambda tx: tx.recordings.of_call(house.account.id, call.ref)))


async def decision_on(house: House, call: Call) -> Decision | None:
    """Return the decision on a call; None where nothing is known of it."""
    try:
        return (await house.vault.recordings.calls.read(house.account.id, call.ref)).decision
    except NotFound:
        return None


async def _silent(house: House, one: Recording) -> None:
    """No byte of it is given by the interface."""
    try:
        await house.vault.playback.audio.for_download(house.account.id, one.id, actor="key_test")
    except NotFound:
        return
    raise Violation("the audio is given, though it must not be heard")


async def _ended(house: House, session: Listening) -> None:
    """No byte more of a session, whether its recording can be heard by others or not."""
    with suppress(VaultError):
        if await session.first_bytes(house):
            raise Violation("a session of before a no plays")


async def stored(house: House) -> dict[str, int]:
    """Count what is stored of calls and recordings."""

    def count(tx: Any) -> dict[str, int]:
        return {
            name: tx.connection.execute(
                text(f"SELECT count(*) FROM {name} WHERE account_id = :account"),  # noqa: S608 - our own names
                {"account": house.account.id},
            ).scalar_one()
            for name in ("call_facts", "consent_events", "recordings", "links")
        }

    return await house.database.read(count)
