"""What an act that waits for a second person was asked with: each argument with its label, a code in words.

No argument is left out: one that has no words here is shown under the name that REST has for it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from vault.domain.approvals.rule import Verb
from vault.web.console.approvals.words import VERB_WORDS
from vault.web.console.words import CODE_WORDS, GROUND_WORDS
from vault.web.http.translations import gettext, ngettext, translatable, translated

#: Rows that a page shows; the bytes that are approved have all.
_MOST: Final = 100
#: Arguments that the page shows as what the act concerns, or as its reason.
_ELSEWHERE: Final = frozenset({"reason", "recording", "request", "hold"})
#: Arguments that only hold others.
_HOLDERS: Final = frozenset({"member", "change", "connection", "decision", "period"})
#: Of a retention policy the page has a table.
_TABLES: Final = frozenset({"policy"})
_SECRET: Final = frozenset({"sealed_secret", "secret_digest"})
_LABELS: Final[Mapping[str, str]] = translatable(
    {
        "name": "Name",
        "email": "E-mail address",
        "roles": "Roles",
        "agents": "Only recordings of these agents",
        "mail_language": "Language of the mail",
        "enabled": "The rule is on",
        "verbs": "It applies to",
        "call": "Call",
        "ground": "Ground",
        "code": "Decision",
        "statute": "Statute",
        "until": "Until",
        "whole_time": "Theirs for the whole time",
        "from": "Period from",
        "to": "Period to",
        "informed": "Recipients who were informed",
        "export": "Export",
        "key": "Key of your own",
        "issuer": "Issuer",
        "client_id": "Client id",
        "authentication": "How the vault proves itself",
        "scopes": "Scopes to ask for",
        "claim": "Claim with the values",
        "acr_values": "How people confirm there",
    }
)
_WORDS: Final[Mapping[str, Mapping[Any, str]]] = {
    "code": CODE_WORDS,
    "ground": GROUND_WORDS,
    "verbs": VERB_WORDS,
}


def asked_words(kind: Verb, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what an act was asked with, each with its label, but for what its page shows elsewhere."""
    rows = list(_rows(arguments))
    if any(arguments.get(name) for name in _SECRET):
        rows.append((gettext("Client secret"), gettext("a new one")))
    if kind == "own_key" and arguments.get("key") is None:
        rows = [(translated(_LABELS["key"]), gettext("none: that of the vault"))]
    more = len(rows) - _MOST
    if more > 0:
        text = ngettext("%(num)s more is in the bytes", "%(num)s more are in the bytes", more)
        rows[_MOST:] = [(gettext("More"), text)]
    return rows


def _rows(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in arguments.items():
        if name in _HOLDERS and isinstance(value, Mapping):
            yield from _rows(value)
        elif name == "verdicts" and isinstance(value, Mapping):
            for subject, verdict in value.items():
                yield gettext("Decision on %(subject)s", subject=subject), _value("", verdict)
        elif name not in _ELSEWHERE | _TABLES | _SECRET:
            label = translated(_LABELS[name]) if name in _LABELS else name.replace("_", " ").capitalize()
            yield label, _value(name, value)


def _value(name: str, value: Any) -> str:
    """Return a value in words."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, Mapping):
        return ", ".join(f"{one}: {_value(one, said)}" for one, said in value.items())
    if isinstance(value, list):
        return "; ".join(_value(name, one) for one in value) or gettext("none")
    words = _WORDS.get(name, {}).get(value)
    return gettext("none") if value in {None, ""} else str(value) if words is None else translated(words)
