"""Faults that this vault once had, each put back by itself: the random acts must find it again."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from vault.database.engines.sqlite import SqliteDatabase
from vault.database.stores.requests.closures import ClosureRows
from vault.domain.admission.decision import Place
from vault.domain.calls.number_reader import read_numbers
from vault.services.admission import call_context, call_opener, number_terms
from vault.services.admission.call_opener import CallOpener
from vault.services.consent import call_documents, record_consent
from vault.services.consent.call_documents import CallDocuments
from vault.services.consent.key_objections import KeyObjections
from vault.services.consent.told_keys import HandedNotice
from vault.services.lifecycle import lifecycle, restrict_recording
from vault.services.lifecycle.guards import judge_now
from vault.services.playback import open_links
from vault.services.shared.clock_skew import checked_now
from vault.services.shared.end_listening import restrict

Mutant = Callable[[pytest.MonkeyPatch], None]


def a_no_needs_a_notice(patch: pytest.MonkeyPatch) -> None:
    """A key that refuses is dropped where no notice fits at that moment."""

    async def refuse(self: Any, request: Any) -> None:
        answer = await self.call_start(request.connection.account_id, request.step.facts)
        notice = next((one for party, one in answer.notices if party != "agent"), None)
        if notice is not None:
            await self._record(replace(request, notice=notice), "declined", tuple(sorted(answer.outside)))

    patch.setattr(CallDocuments, "_refuse", refuse)


def a_no_must_be_possible(patch: pytest.MonkeyPatch) -> None:
    """A no is refused where its time contradicts the clock or the call."""
    check = record_consent.refuse_impossible

    def refuse_impossible(event: Any, known: Any) -> None:
        check(replace(event, answer="announced"), known)

    patch.setattr(record_consent, "refuse_impossible", refuse_impossible)


def a_place_silences_prefixes(patch: pytest.MonkeyPatch) -> None:
    """A party's place counts for all of its numbers, whichever it was reported with."""
    hints = CallOpener._hints

    def old_hints(self: CallOpener, claims: Any, party: Any) -> frozenset[str | None]:
        return frozenset() if claims.places_of(party) else hints(self, claims, party)

    def old_places(known: Any, party: Any, home: str | None) -> list[Place]:
        if reported := known.claims.places_of(party):
            return [Place(party=party, place=place, known_by="said") for place in sorted(reported)]
        return places(known, party, home)

    places = call_context._places_of
    patch.setattr(CallOpener, "_hints", old_hints)
    patch.setattr(call_context, "_places_of", old_places)


def one_act_undoes_a_no(patch: pytest.MonkeyPatch) -> None:
    """Lifting a restriction asks no party."""
    patch.setattr(restrict_recording, "parties_against", lambda _: ())


def a_report_erases(patch: pytest.MonkeyPatch) -> None:
    """A withdrawal erases though the rule wants a second person, and by whichever party."""

    def withdraw(tx: Any, recording: Any, event: Any, _: Any) -> None:
        account_id = recording.account_id
        erases = tx.policies.current(account_id).withdrawal == "erase"
        if erases and judge_now(tx, recording, "withdrawal", checked_now(tx)).outcome == "due":
            lifecycle.erase(
                tx, account_id, recording.id, actor=event.told_by, at=event.heard_at, result=event.answer,
                wish="withdrawal",
            )  # fmt: skip
            return
        restrict(
            tx, recording, at=event.heard_at, actor=event.told_by, cause=event.party, result=event.answer
        )

    patch.setattr(record_consent, "_withdraw", withdraw)


def evidence_is_of_what_is_published(patch: pytest.MonkeyPatch) -> None:
    """The evidence names the notice of the moment at which the platform comes back."""
    made = CallDocuments._request

    async def request(self: Any, connection: Any, step: Any, handed: str | None) -> Any:
        asked = await made(self, connection, step, handed)
        answer = await self.call_start(connection.account_id, step.facts)
        return replace(asked, notice=next((one for party, one in answer.notices if party != "agent"), None))

    patch.setattr(CallDocuments, "_request", request)


def a_key_means_what_the_policy_says(patch: pytest.MonkeyPatch) -> None:
    """The keys of the moment count, whatever the text says that the party heard."""

    def name(self: Any, notice: Any) -> str:
        handed = HandedNotice(notice_id=notice.id, keys=self.told.current)
        return handed.write(self.index_key, self.connection.id, self.step.facts.call_ref)

    patch.setattr(call_documents._Request, "name", name)


def a_closed_account_collects(patch: pytest.MonkeyPatch) -> None:
    """What would be stored does not ask whether the account is closed."""
    has_begun = ClosureRows.has_begun

    def blind(self: ClosureRows, account_id: str) -> bool:
        caller = sys._getframe(1).f_code.co_filename
        return "tests" in caller and has_begun(self, account_id)

    patch.setattr(ClosureRows, "has_begun", blind)


def numbers_are_read_as_written(patch: pytest.MonkeyPatch) -> None:
    """A number among names, brackets and prefixes, or in a national spelling, is nobody's."""
    patch.setattr(number_terms, "read_numbers", lambda text: replace(read_numbers(text), keys=frozenset()))


def what_nothing_can_read_is_nobodys(patch: pytest.MonkeyPatch) -> None:
    """Digits without a number in them pass every objection."""
    for module in (number_terms, call_opener):
        patch.setattr(module, "read_numbers", lambda text: replace(read_numbers(text), is_unreadable=False))


def a_key_that_objects_only_declines(patch: pytest.MonkeyPatch) -> None:
    """The key is a no of its call; the next call of the number is recorded."""

    async def enter(*_: Any) -> None:
        return None

    patch.setattr(KeyObjections, "enter", enter)


def an_open_session_goes_on(patch: pytest.MonkeyPatch) -> None:
    """What was open at the time of a no plays to its end: each window asks for the secret only."""

    async def grant(*_: Any) -> bool:
        return True

    patch.setattr(SqliteDatabase, "grant", grant)
    patch.setattr(open_links, "session_state", lambda *_, **__: "open")


#: The most sequences in which each must be found, with room for other seeds.
MUTANTS: Final[Mapping[Mutant, int]] = {
    a_no_needs_a_notice: 60,
    a_no_must_be_possible: 60,
    one_act_undoes_a_no: 120,
    numbers_are_read_as_written: 250,
    a_place_silences_prefixes: 250,
    evidence_is_of_what_is_published: 120,
    a_closed_account_collects: 120,
    what_nothing_can_read_is_nobodys: 60,
    a_report_erases: 200,
    a_key_means_what_the_policy_says: 400,
    a_key_that_objects_only_declines: 200,
    an_open_session_goes_on: 60,
}
