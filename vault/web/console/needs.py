"""What needs somebody: the list behind the bell of every page, and on the overview."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from markupsafe import Markup

from vault.database.stores.accounts.overview import LIMIT, DaysLeft
from vault.domain.approvals.rule import RULES, VERBS
from vault.services.accounts.overview import DAYS, Needs
from vault.web.console.access import Console
from vault.web.http.auth import vault_of
from vault.web.http.html import time_of
from vault.web.http.translations import gettext, grouped, ngettext, translatable, translated

#: How long is left, in words.
LEFT_WORDS: Final = translatable(("overdue", "today", "within 7 days", "within 30 days", "later", "no date"))
#: The upper bounds of how long something still waits, in days.
_LEFT: Final = (("today", 1), ("within 7 days", 7), ("within 30 days", 30))
_SOON: Final = frozenset({"overdue", "today", "within 7 days"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A line of the list, in the language of the page."""

    words: str
    #: Below the account's.
    path: str
    detail: str | Markup = ""
    count: int


async def needs_of(request: Request, allowed: Console) -> Sequence[Need]:
    """Return what needs somebody, by what the session may see and decide."""
    deciding = allowed.allows("approvals:write")
    kinds = [verb for verb in VERBS if deciding and allowed.allows(RULES[verb].scope)]
    needs = await vault_of(request).accounts.overview.needs(
        allowed.account.id, kinds=kinds, actor=allowed.actor
    )
    found: list[Need] = []
    if allowed.allows("recordings:read"):
        found += _of_recordings(needs)
    if allowed.allows("audit:read"):
        found += _of_requests(needs)
        found += _of_approvals(needs)
        found += _of_endpoints(needs)
        found += _of_integrations(needs)
    if allowed.allows("settings:write") and allowed.allows("recordings:read"):
        found += _of_handovers(needs)
    if allowed.allows("settings:write") and needs.lists_failing:
        words = ngettext(
            "The list of %(num)s connection cannot be read",
            "The lists of %(num)s connections cannot be read",
            needs.lists_failing,
        )
        found.append(Need(words=words, path="/connections", count=needs.lists_failing))
    if allowed.allows("keys:write"):
        found += _of_access(needs)
    return found


def _of_access(needs: Needs) -> list[Need]:
    found = []
    if needs.without_pair:
        found.append(
            Need(words=gettext("Nobody can approve what the rule asks for"), path="/access", count=1)
        )
    if needs.unmailed:
        words = ngettext(
            "%(num)s invitation could not be mailed",
            "%(num)s invitations could not be mailed",
            needs.unmailed,
        )
        found.append(Need(words=words, path="/access", count=needs.unmailed))
    return found


def by_time_left(days_left: DaysLeft) -> Sequence[tuple[str, int]]:
    """Return how many end when, in words; what is over comes first, and nothing is left out but zeros."""
    counts: dict[str, int] = {"overdue": 0, **{words: 0 for words, _ in _LEFT}, "later": 0, "no date": 0}
    for left, count in days_left.items():
        counts[_words(left)] += count
    return [(words, count) for words, count in counts.items() if count]


def counted(number: int) -> str:
    """Return a number for people; at the limit of what is read, there may be more."""
    return gettext("%(number)s or more", number=LIMIT) if number >= LIMIT else grouped(number)


def _words(left: int | None) -> str:
    if left is None:
        return "no date"
    if left < 0:
        return "overdue"
    return next((words for words, days in _LEFT if left < days), "later")


def _soon(days_left: DaysLeft) -> Sequence[tuple[str, int]]:
    return [(words, count) for words, count in by_time_left(days_left) if words in _SOON]


def _of_recordings(needs: Needs) -> Sequence[Need]:
    found = []
    for left, count in _soon(needs.quarantined):
        words = ngettext(
            "%(number)s recording in quarantine",
            "%(number)s recordings in quarantine",
            count,
            number=counted(count),
        )
        over = left == "overdue"
        detail = gettext("refused any moment") if over else gettext("refused %(when)s", when=translated(left))
        found.append(Need(words=words, path="/quarantine", detail=detail, count=count))
    if needs.failed:
        words = gettext(
            "Failed in the last %(days)s days: %(number)s", days=DAYS, number=counted(needs.failed)
        )
        found.append(Need(words=words, path="/recordings?state=failed", count=needs.failed))
    return found


def _of_requests(needs: Needs) -> Sequence[Need]:
    found = []
    for left, count in _soon(needs.requests_due):
        words = ngettext(
            "%(number)s request of people", "%(number)s requests of people", count, number=counted(count)
        )
        detail = translated(left) if left == "overdue" else gettext("due %(when)s", when=translated(left))
        found.append(Need(words=words, path="/requests", detail=detail, count=count))
    return found


def _of_approvals(needs: Needs) -> Sequence[Need]:
    waiting, others, found = needs.approvals, needs.approvals_of_others, list[Need]()
    if waiting:
        words = ngettext(
            "%(num)s act waits for a second person", "%(num)s acts wait for a second person", len(waiting)
        )
        first = time_of(min(one.approve_by for one in waiting))
        detail = Markup(gettext("the first until %(at)s", at=first))  # noqa: S704 - a text of the catalogue
        found.append(Need(words=words, path="/approvals", detail=detail, count=len(waiting)))
    if others:
        words = ngettext(
            "%(num)s act waits for somebody else to approve it",
            "%(num)s acts wait for somebody else to approve them",
            others,
        )
        # Nothing that this person can do: listed, not counted.
        found.append(Need(words=words, path="/approvals", count=0))
    return found


def _of_endpoints(needs: Needs) -> Sequence[Need]:
    if not needs.failing:
        return ()
    words = ngettext("%(num)s endpoint for events fails", "%(num)s endpoints for events fail", needs.failing)
    off = needs.switched_off
    detail = ngettext("%(num)s is switched off", "%(num)s are switched off", off) if off else ""
    return [Need(words=words, path="/events", detail=detail, count=needs.failing)]


def _of_integrations(needs: Needs) -> Sequence[Need]:
    refused = needs.integrations_refused
    if not refused:
        return ()
    words = ngettext(
        "%(num)s system needs authorization: nothing is handed over or removed there",
        "%(num)s systems need authorization: nothing is handed over or removed there",
        refused,
    )
    return [Need(words=words, path="/integrations", count=refused)]


def _of_handovers(needs: Needs) -> Sequence[Need]:
    held = needs.handovers_held
    if not held:
        return ()
    words = ngettext(
        "%(number)s call for another system waits for a decision",
        "%(number)s calls for other systems wait for a decision",
        held,
        number=counted(held),
    )
    return [Need(words=words, path="/handovers?state=held", count=held)]
