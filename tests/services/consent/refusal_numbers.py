"""Acts with numbers, in every spelling that platforms report: facts, objections, holds, and what would erase."""

from typing import Any, Final

from tests.services.consent.refusal_machine import Machine
from tests.services.consent.refusal_oracle import check_monotony, decision_on
from tests.support.parties import ME, ago
from tests.support.spellings import EVERY, NUMBER, UNREADABLE
from vault.domain.calls.call import CallFacts
from vault.services.retention.place_hold import HoldRequest
from vault.simulator.call import CUSTOMER

#: Numbers as they are reported, with what they mean: prefixes of several places, and one of none.
NUMBERS: Final = {
    CUSTOMER: CUSTOMER, "+1 (415) 555-0187": CUSTOMER, "+12145550188": "+12145550188",
    "+33 6 12 34 56 78": NUMBER, NUMBER: NUMBER, "+18005550199": "+18005550199",
}  # fmt: skip
#: As people enter them: what is no number in the account's countries is refused, and nothing is acknowledged.
_ENTERED: Final = (
    NUMBER, "+33 6 12 34 56 78", "+33 (0)6 12 34 56 78", "0033612345678", "06 12 34 56 78", "tel:+33-6-12-34-56-78",
)  # fmt: skip


def _spelled(m: Machine) -> tuple[str, str | None]:
    """Choose a number and how a platform writes it; None for digits that nothing can read."""
    chance = m.chance.random()
    if chance < 0.05:
        return m.chance.choice(UNREADABLE), None
    if chance < 0.5:
        return m.chance.choice(EVERY), NUMBER
    return m.chance.choice(list(NUMBERS.items()))


async def fact(m: Machine) -> None:
    """Report a fact of a call, which permits nothing more."""
    call = m.call()
    written, number = _spelled(m)
    more: dict[str, Any] = m.chance.choice(
        [
            {"caller": written}, {"callee": written}, {"caller": "+12145550188", "caller_place": "US-TX"},
            {"ended_at": ago(m.chance.randrange(90, 900))}, {"started_at": ago(m.chance.randrange(900, 1800))},
            {"started_at": ago(-m.chance.randrange(90, 900))},
        ]
    )  # fmt: skip
    m.did[-1] += f" {more.get('caller', more.get('callee', 'times'))!r}"
    before = await decision_on(m.house, call) if m.oracle.closed is None else None
    await m.house.vault.recordings.calls.start(m.house.account.id, CallFacts(call_ref=call.ref, **more))
    if {"caller", "callee"} & set(more):
        call.name(more["caller"] if "caller_place" in more else number)
    check_monotony(before, await decision_on(m.house, call))


def of_recording(m: Machine) -> tuple[dict[str, Any], str | None]:
    """Return what a platform says with a recording about its call, which may be the first to say it."""
    if m.chance.random() < 0.5:
        return {}, None
    written, number = _spelled(m)
    m.did[-1] += f" {written!r}"
    return {"from": written}, number


async def object_to(m: Machine) -> None:
    """Enter an objection."""
    written = m.chance.choice([*NUMBERS.values(), *_ENTERED])
    m.did[-1] += f" {written!r}"
    entered, _ = await m.house.vault.consent.objections.enter(m.house.account.id, written, reason=None, **ME)
    assert entered.number is not None
    await m.oracle.entered(m.house, entered.number)


async def hold(m: Machine) -> None:
    """Place a hold on all calls of a number."""
    written, number = m.chance.choice([*NUMBERS.items(), *((one, NUMBER) for one in _ENTERED[:3])])
    m.did[-1] += f" {written!r}"
    wanted = HoldRequest(name="h", reason="a dispute", numbers=(written,))
    await m.house.vault.retention.holds.place(m.house.account.id, wanted, **ME)
    m.oracle.held.add(number)


async def erase(m: Machine) -> None:
    """Erase a recording."""
    if chosen := await m.recording():
        await m.house.vault.recordings.recordings.erase(m.house.account.id, chosen[1], **ME)


async def erase_call(m: Machine) -> None:
    """Erase a call, unless a hold covers it."""
    call = m.call()
    if not m.oracle.holds(call):
        # Its facts may be gone though the answer is lost: then its numbers are not known any more.
        call.forget_numbers()
    await m.house.vault.recordings.calls.erase(m.house.account.id, call.ref, **ME)
