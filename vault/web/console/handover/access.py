"""How an integration gets access, in its forms: a static key, or an app at the system that a person authorizes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vault.errors import Invalid
from vault.ports.crm import CrmSystem, FormField
from vault.services.handover.credentials import CLIENT_FIELDS
from vault.web.console.forms import Form
from vault.web.console.handover.words import CLIENT_WORDS, words_of
from vault.web.console.mistakes import WordedInvalid
from vault.web.http.translations import gettext, translated

#: Secrets: a form that comes back after a sign-in keeps no field of these names.
KEY_FIELD: Final = "secret"
CLIENT_SECRET: Final = "client_secret"  # noqa: S105 - the name of a field
#: The fields of a form where REST has others.
CALLED: Final[Mapping[str, str]] = {"key": KEY_FIELD}
_KEY: Final = "key"
_HIDDEN: Final = frozenset({CLIENT_SECRET})


@dataclass(frozen=True, slots=True, kw_only=True)
class EnteredText:
    """A field of the access to a system, in the language of the page."""

    name: str
    label: str
    hint: str
    #: Whether the page hides it and never shows it again.
    is_secret: bool


def by_app(system: CrmSystem, wanted: str) -> bool:
    """Return whether a person authorizes the system, where ``wanted`` of a system with both is ``oauth``."""
    return system.oauth is not None and (system.key_field is None or wanted == "oauth")


def shown_key(system: CrmSystem) -> EnteredText | None:
    """Return the field of a system's static key; None if it has none."""
    if system.key_field is None:
        return None
    words = words_of(system.name, _KEY)
    return EnteredText(
        name=KEY_FIELD, label=translated(words.label), hint=translated(words.hint), is_secret=True
    )


def shown_client() -> list[EnteredText]:
    """Return the fields of an app."""
    return [
        EnteredText(
            name=one.name,
            label=translated(CLIENT_WORDS[one.name].label),
            hint=translated(CLIENT_WORDS[one.name].hint),
            is_secret=one.name in _HIDDEN,
        )
        for one in CLIENT_FIELDS
    ]


def without_secret(values: Mapping[str, str]) -> Mapping[str, str]:
    """Return the values of a form without the secret of an app: no page has it."""
    return {name: value for name, value in values.items() if name not in _HIDDEN}


def client_of(form: Form) -> dict[str, Any]:
    """Return the app as REST takes it."""
    return {"id": form.text("client_id"), "secret": form.text(CLIENT_SECRET)}


def wrong_access(system: CrmSystem, form: Form, *, is_app: bool) -> list[Invalid]:
    """Return what is wrong with the key or the app of a form."""
    fields: list[tuple[str, FormField]] = []
    if is_app:
        fields = [(one.name, one) for one in CLIENT_FIELDS]
    elif system.key_field is not None:
        fields = [(KEY_FIELD, system.key_field)]
    return [wrong for name, field in fields if (wrong := wrong_value(name, field, form)) is not None]


def wrong_value(name: str, field: FormField, form: Form) -> Invalid | None:
    """Return what is wrong with a field, in the words of the page."""
    value = form.text(name)
    if not value and field.is_required:
        return WordedInvalid(gettext("This is needed."), field=name)
    if value and field.pattern.fullmatch(value) is None:
        return WordedInvalid(gettext("It must be as the hint says."), field=name)
    return None
