"""The form of a connection: the credentials of its platform, as a page shows them and as REST takes them."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup, escape

from vault.errors import Invalid
from vault.ports.telephony import CredentialField, Provider
from vault.services.accounts.connections import ConnectionRequest, ConnectionView
from vault.web.console.forms import Form, checked
from vault.web.console.mistakes import ManyInvalid, WordedInvalid
from vault.web.console.words import moment_text
from vault.web.http.service_texts import of_service
from vault.web.http.translations import gettext
from vault.web.schemas.accounts.settings import ConnectionIn

#: A form that comes back after a sign-in keeps no field whose name begins so.
_SECRET, _PREVIOUS_SECRET = "secret", "previous_secret"
_OPEN, _PREVIOUS_OPEN = "credential", "previous"
#: More than a private key of 4,096 bits has.
_LONGEST: Final = 8192
#: A word of a text, such as the name of a field.
_NAME: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCredential:
    """A credential of a platform, and the names of its two fields: as it is now, and as it was before."""

    field: CredentialField
    name: str
    previous: str
    most: int = _LONGEST

    @property
    def kind(self) -> str:
        """Return the type of the field."""
        return "password" if self.field.is_secret else "text"


def shown_credentials(platform: Provider) -> Sequence[ShownCredential]:
    """Return the credentials of a platform in the order of its form."""
    return [
        ShownCredential(
            field=one,
            name=f"{_SECRET if one.is_secret else _OPEN}.{one.name}",
            previous=f"{_PREVIOUS_SECRET if one.is_secret else _PREVIOUS_OPEN}.{one.name}",
        )
        for one in platform.credential_fields
    ]


def in_labels(platform: Provider, text: str) -> str:
    """Return a text of a platform with the labels of the form in the place of the names of fields."""
    labels = {one.name: of_service(one.label) or one.label for one in platform.credential_fields}
    labels |= {"next_url": gettext("Where a call continues")}
    replaced = _NAME.sub(lambda found: _label_of(found[0], labels), escape(text))
    return Markup(replaced)  # noqa: S704 - the text and the labels are escaped


def _label_of(word: str, labels: Mapping[str, str]) -> str:
    """Return the label of a field in quotation marks; any other word as it is."""
    return f"\u201c{escape(labels[word])}\u201d" if word in labels and "_" in word else word


def free_name(wish: str, taken: Collection[str]) -> str:
    """Return a name that no connection has: the wish, or the wish with a number."""
    names = (wish, *(f"{wish}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def connection_request(platform: Provider, form: Form, wrong: Sequence[Invalid]) -> ConnectionRequest:
    """Return the connection to set. Raises Invalid that names each field that is wrong, besides those in ``wrong``."""
    found = [*wrong, *(error for one in shown_credentials(platform) for error in _wrong(one, form))]
    try:
        body = checked(ConnectionIn, _body(platform, form))
    except ManyInvalid as error:
        found += error.all
    if found:
        raise ManyInvalid(found)
    return body.wanted()


def _body(platform: Provider, form: Form) -> dict[str, Any]:
    """Return the body that REST takes.

    A previous credential that is empty is as the current one: usually one of them changes.
    """
    shown = shown_credentials(platform)
    now = {one.field.name: form.text(one.name) for one in shown if form.text(one.name)}
    before = {one.field.name: form.text(one.previous) for one in shown if form.text(one.previous)}
    body: dict[str, Any] = {
        "provider": platform.name,
        "credentials": now,
        "previous_credentials": now | before if before else None,
        "delete_refused": form.text("delete_refused") == "on",
        "pause_refused": form.text("pause_refused") == "on",
    }
    body |= {name: form.text(name) for name in ("api_base", "next_url") if form.text(name)}
    if form.text("collect_from"):
        body["collect_from"] = moment_text(form.text("collect_from"))
    if form.text("delete_at_source"):
        body["delete_at_source"] = form.text("delete_at_source") == "yes"
    return body


def _wrong(one: ShownCredential, form: Form) -> Sequence[Invalid]:
    """Return what is wrong with the two fields of a credential."""
    found = list[Invalid]()
    if one.field.is_required and not form.text(one.name):
        found.append(WordedInvalid(gettext("This is needed."), field=one.name))
    for name in (one.name, one.previous):
        if form.text(name) and one.field.pattern.fullmatch(form.text(name)) is None:
            found.append(WordedInvalid(gettext("It must be as the hint says."), field=name))
    return found


def form_field(platform: Provider, field: str) -> str:
    """Return the field of the form that an error of the service is about."""
    credentials = {one.field.name: one.name for one in shown_credentials(platform)}
    return credentials.get(field) or ("title" if field == "name" else field)


def connection_values(view: ConnectionView) -> dict[str, str]:
    """Return the fields of the form, as a connection fills them; an empty ``collect_from`` keeps the stored one."""
    one = view.connection
    values = {"delete_at_source": "yes" if one.delete_at_source else "no"}
    values |= {name: text for name in ("api_base", "next_url") if (text := getattr(one, name))}
    return values | {name: "on" for name in ("delete_refused", "pause_refused") if getattr(one, name)}
