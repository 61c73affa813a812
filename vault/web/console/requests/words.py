"""What the pages of requests of people print: words of kinds, states and codes, the board, effects of a decision."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from vault.domain.requests.decision import CODES, GRANTING, WAITS, Effect, effect_of, read_code
from vault.domain.requests.request import Kind, Request, RequestState, Verdict
from vault.rfc3339 import write_day
from vault.services.requests.find_person import FoundPerson
from vault.services.requests.requests import RequestView
from vault.services.requests.ruling_request import RulingRequest
from vault.web.console.words import CODE_WORDS, days_left
from vault.web.http.translations import gettext, ngettext, translatable, translated, translated_pairs

KIND_WORDS: Final[Mapping[Kind, str]] = translatable(
    {
        "access": "Access: a copy of their data",
        "portability": "Portability: their data for another provider",
        "erasure": "Erasure",
        "restriction": "Restriction of processing",
        "objection": "Objection to recording",
        "rectification": "Rectification",
        "post_mortem": "Directive for the time after death",
    }
)
_CLOSURE: Final = translatable("Closure of the account")
REGIME_WORDS: Final = translatable(
    (
        ("gdpr", "GDPR: one month"),
        ("uk", "UK GDPR: one month, pauses move it"),
        ("ccpa", "CCPA: 45 days"),
        ("none", "no deadline"),
    )
)
METHOD_WORDS: Final = translatable(
    (
        ("known_contact", "known contact"),
        ("callback", "call back"),
        ("login", "login"),
        ("document_seen", "document seen"),
        ("representative", "representative"),
        ("other", "other"),
    )
)
PAUSE_WORDS: Final = translatable(
    (
        ("clarification", "a clarification"),
        ("identity", "proof of identity"),
        ("fee", "a fee"),
    )
)
EFFECT_WORDS: Final[Mapping[Effect, str]] = translatable(
    {
        "erase": "erased, with their keys",
        "restrict": "restricted",
        "provide": "put into the package",
        "note": "noted",
        "nothing": "left as they are",
    }
)
_HELD: Final = translatable("restricted; erased when the hold ends")
#: Data that no search finds, as ``domain/requests/found.py`` names it.
NOT_FOUND_WORDS: Final[Mapping[str, str]] = translatable(
    {
        "calls_without_caller_id": "calls without a caller's number",
        "numbers_that_only_a_platform_knows": "numbers that only a platform knows",
        "parties_of_conferences_and_transfers": "parties of conferences and transfers",
        "extensions_and_sip_addresses": "extensions and SIP addresses",
        "digits_that_cannot_be_read": "digits that cannot be read as a number",
        "words_spoken_in_recordings": "words spoken in recordings",
        "numbers_of_earlier_holders": "numbers of earlier holders",
        "backups_of_the_operator": "backups of the operator",
        "copies_outside_the_vault": "copies outside the vault",
    }
)
_GRANTS: Final = frozenset().union(*GRANTING.values())
_SOON: Final = timedelta(days=7)
#: Columns of the board, by the state that they show.
COLUMNS: Final = translatable(
    (
        (RequestState.AWAITING_IDENTITY, "To identify"),
        (RequestState.REVIEW, "To decide"),
        (RequestState.EXECUTING, "Being carried out"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A request on the board."""

    id: str
    kind: str
    reference: str
    due_at: datetime | None
    #: How long is left, in words; empty without a deadline.
    left: str
    #: ``late``, ``soon`` or empty.
    urgency: str
    is_paused: bool
    #: Whether a decision on it waits for a second person.
    is_asked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a hold keeps of an erasure until it ends."""

    #: Ids.
    recordings: Sequence[str]
    #: ``call_ref`` of calls without a recording.
    calls: Sequence[str]


def card(view: RequestView, now: datetime, asked: Collection[str] = ()) -> Card:
    """Return the card of a request; ``asked`` are the ids of those whose decision waits for a second person."""
    request, due = view.request, view.deadline.due_at
    urgency = "" if due is None or due - now > _SOON else "late" if due < now else "soon"
    return Card(
        id=request.id,
        kind=kind_title(request.kind),
        reference=reference_of(request),
        due_at=due,
        left="" if due is None else days_left(due, now),
        urgency=urgency,
        is_paused=is_paused(request),
        is_asked=request.id in asked,
    )


def kind_title(kind: Kind) -> str:
    """Return the name of a kind, without its explanation."""
    words = _CLOSURE if kind == "closure" else KIND_WORDS[kind]
    return translated(words).partition(":")[0].rstrip()


def reference_of(request: Request) -> str:
    """Return what a list calls a request: its reference, or the day it came once that is deleted, or of a closure."""
    if request.personal is None or request.kind == "closure":
        return gettext("Request of %(day)s", day=write_day(request.received_at.date()))
    return request.personal.reference


def by_due(cards: Sequence[Card]) -> list[Card]:
    """Return cards by their deadline, the earliest first; those without one last."""
    return sorted(cards, key=lambda one: (one.due_at is None, one.due_at))


def is_paused(request: Request) -> bool:
    """Return whether the account waits for the person."""
    return request.personal is not None and request.personal.waiting is not None


def codes_of(kind: Kind) -> list[tuple[str, str]]:
    """Return the codes that a decision on this kind can have, with their words, those that grant it first."""
    granting = [code for code in CODES if code in GRANTING[kind]]
    # ``no_match`` is for a request of which nothing is found, two others are the worker's.
    refusing = [code for code in CODES if code not in {*_GRANTS, "not_provided", WAITS}]
    return translated_pairs((code, CODE_WORDS[code]) for code in (*granting, *refusing))


def counted_codes(
    kind: Kind, found: FoundPerson | None, uncut: Collection[str] | None
) -> list[tuple[str, str]]:
    """Return the codes with their words, those that grant the request with how many recordings they would do it to.

    ``uncut``: out of which the person's own channel cannot be cut; None if that was not looked at for all of them.
    """
    recordings = () if found is None else found.recordings
    if found is None or not recordings:
        return codes_of(kind)
    left_out = {"erased": found.held, "provided": uncut or ()}
    options = []
    for code, words in codes_of(kind):
        if code not in GRANTING[kind] or (code == "provided" and uncut is None):
            options.append((code, words))
            continue
        number = sum(one.id not in left_out.get(code, ()) for one in recordings)
        text = ngettext(
            "%(words)s (%(number)s of %(num)s recording)",
            "%(words)s (%(number)s of %(num)s recordings)",
            len(recordings),
            words=words,
            number=number,
        )
        options.append((code, text))
    return options


def effects(
    kind: Kind, found: FoundPerson, default: Verdict, verdicts: Mapping[str, Verdict]
) -> tuple[list[tuple[str, int, int, bool]], Kept]:
    """Return what a decision does: words, recordings, calls without a recording, and whether it destroys.

    And what a hold keeps of it until it ends. Raises Invalid for an unknown code.
    """
    decided = found.decided_by(verdicts)

    def split(names: Iterable[str], held: Collection[str]) -> tuple[Counter[Effect], list[str]]:
        done = {name: effect_of(kind, verdicts.get(name, default)) for name in names}
        kept = {name for name, effect in done.items() if effect == "erase" and name in held}
        return Counter(effect for name, effect in done.items() if name not in kept), sorted(kept)

    recordings, held = split((one.id for one in decided.recordings), found.held)
    calls, held_calls = split((one.call_ref for one in decided.calls), found.held_calls)
    shown = [
        (translated(words), recordings[effect], calls[effect], effect == "erase")
        for effect, words in EFFECT_WORDS.items()
        if recordings[effect] or calls[effect]
    ]
    if held or held_calls:
        shown.append((translated(_HELD), len(held), len(held_calls), False))
    return shown, Kept(recordings=held, calls=held_calls)


def kept_by(request: Request) -> list[tuple[str, str]]:
    """Return what a decision did not grant: ids of recordings, and empty for a call without one, each with why."""
    ruling = None if request.personal is None else request.personal.ruling
    if ruling is None or request.kind == "closure":
        return []
    names = [*((one, one) for one in ruling.recordings), *((ref, "") for ref in ruling.calls)]
    kept = [(shown, ruling.verdict_on(name)) for name, shown in names]
    return [
        (shown, words_of(verdict.code) + (f" ({verdict.statute})" if verdict.statute else ""))
        for shown, verdict in kept
        if verdict.code not in GRANTING[request.kind]
    ]


def provides(kind: Kind, ruling: RulingRequest) -> bool:
    """Return whether a decision puts anything into a package."""
    verdicts = (ruling.default, *ruling.verdicts.values())
    return any(effect_of(kind, verdict) == "provide" for verdict in verdicts)


def words_of(code: str) -> str:
    """Return the words of a code."""
    return translated(CODE_WORDS[read_code(code)])
