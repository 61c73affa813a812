"""What the pages of approvals print: words of acts, states, effects and outcomes."""

from collections.abc import Callable, Mapping
from typing import Final

from vault.domain.approvals.approval import Approval
from vault.domain.approvals.rule import Verb
from vault.domain.requests.request import Kind
from vault.web.console.mistakes import WordedRefused
from vault.web.http.translations import gettext, ngettext, translatable, translated

VERB_WORDS: Final[dict[Verb, str]] = translatable(
    {
        "hold_release": "Release of a hold",
        "retention_cap": "A run of the retention sweep above its cap",
        "approval_rule": "A looser rule of approvals",
        "recording_erasure": "Erasure of a recording",
        "erasure_within_minimum": "Erasure before a minimum ends",
        "call_erasure": "Erasure of a call",
        "request_erasure": "Erasure that a person asked for",
        "request_export": "Package of a person's data",
        "retention_policy": "Shorter retention policy",
        "own_key": "Change of the customer-managed key",
        "account_closure": "Closure of the account",
        "sign_in_connection": "Change of who may sign in",
        "member_invitation": "Invitation of a person",
        "member_roles": "New roles of a person",
        "member_recovery": "Another address for a passkey",
    }
)
#: What decides on a request that is no plain erasure, by the kind of the request.
_DECISIONS: Final[Mapping[Kind, str]] = translatable(
    {
        "objection": "Objection of a person, with an erasure",
        "post_mortem": "Directive for the time after death, with an erasure",
    }
)
#: Acts that erase the recordings that they count.
_ERASES: Final[frozenset[Verb]] = frozenset(
    {"recording_erasure", "erasure_within_minimum", "call_erasure", "request_erasure", "account_closure"}
)
#: What an approval counts, in the form for its number. Numbers of versions are no counts.
_EFFECTS: Final[Mapping[str, Callable[[int], str]]] = {
    "recordings": lambda number: ngettext("recording", "recordings", number),
    "bound": lambda number: ngettext(
        "recording that the hold covers", "recordings that the hold covers", number
    ),
    "erased": lambda number: ngettext("recording erased", "recordings erased", number),
    "held": lambda number: ngettext("recording kept by a hold", "recordings kept by a hold", number),
    "held_calls": lambda number: ngettext("call kept by a hold", "calls kept by a hold", number),
    "links": lambda number: ngettext("link that ends", "links that end", number),
    "link_keys": lambda number: ngettext("link key", "link keys", number),
    "holds": lambda number: ngettext("hold in force", "holds in force", number),
    "calls": lambda number: ngettext("call", "calls", number),
    "export": lambda number: ngettext("export", "exports", number),
    "granted": lambda number: ngettext("role given", "roles given", number),
    "revoked": lambda number: ngettext("role taken away", "roles taken away", number),
    "passkeys": lambda number: ngettext("passkey that stops working", "passkeys that stop working", number),
}
OUTCOME_WORDS: Final[dict[str, str]] = translatable(
    {
        "not_approved_in_time": "nobody approved in time",
        "not_executed_in_time": "it could not be carried out in time",
        "effect_changed": "its effect has changed since",
        "invalid": "it is not valid any more",
        "tampered": "its stored bytes were changed",
        "too_large": "it is too large",
        "not_found": "what it concerns is not there any more",
    }
)


def title_of(approval: Approval, kinds: Mapping[str, Kind]) -> str:
    """Return what an approval is about. ``kinds``: of the requests on which approvals decide, by id."""
    words = VERB_WORDS[approval.kind]
    if approval.kind == "request_erasure" and (kind := kinds.get(approval.subject)) is not None:
        words = _DECISIONS.get(kind, words)
    return translated(words)


def effect_words(approval: Approval, now: Mapping[str, int] | None = None) -> list[tuple[int, str]]:
    """Return what an approval counts, or what its act would do ``now``: each number with its words."""
    effect = dict(approval.effect if now is None else now)
    words = dict(_EFFECTS)
    if approval.kind in _ERASES:
        words["recordings"] = _EFFECTS["erased"]
        effect["recordings"] = effect.get("recordings", 0) - effect.get("held", 0)
        if "calls" in effect:
            effect["calls"] -= effect.get("held_calls", 0)
    shown = [(number, words[name](number)) for name, number in effect.items() if name in words]
    # A closure ends many kinds of things, and an account does not have all of them.
    return [one for one in shown if one[0]] if approval.kind == "account_closure" else shown


def not_done(decided: Approval) -> WordedRefused:
    """Return the error for an approval whose act was not done, with the reason."""
    outcome = translated(OUTCOME_WORDS.get(decided.outcome or "", decided.outcome or ""))
    text = gettext("It was not done: %(outcome)s. Look at it again.", outcome=outcome)
    return WordedRefused(text, reasons=("not_done",))
