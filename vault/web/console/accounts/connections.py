"""Connections to telephony platforms: list them, make one, show what to enter at the platform, and delete one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.domain.audit_log.grantors import scopes_beyond
from vault.services.accounts.connections import ConnectionView
from vault.web.console.access import require_grantable
from vault.web.console.acts import acts
from vault.web.console.forms import Form, checked, require_name
from vault.web.console.here import Here, Tab, needs
from vault.web.console.route import console_router
from vault.web.console.words import moment_text
from vault.web.http.translations import gettext, translatable, translated
from vault.web.schemas.accounts.settings import ConnectionIn

router = console_router()
Setting = Annotated[Here, needs("settings:write")]
Name = Annotated[str, Path(max_length=128)]
SECTION: Final = "Connections"
#: Credentials that a form can hold; no platform has more.
CREDENTIALS: Final = 6
#: Of those that are still valid while secrets change.
PREVIOUS: Final = 3
#: The page of the account's own settings, which is a tab of this section.
ACCOUNT: Final = "/account"
#: The page of endpoints that receive events, which is another one.
EVENTS: Final = "/events"
#: And that of hand-over to other systems.
HANDOVER: Final = "/integrations"
#: Settings by the names that REST gives them. Any other name is the platform's own, and stays as it is.
_NAMES: Final[Mapping[str, str]] = translatable(
    {
        "url": "URL",
        "method": "Method",
        "events": "Events",
        "call_start": "Call start",
        "enter_at": "Where to enter it",
        "signature": "Signature",
        "retries": "Retries",
        "recording": "Recording",
        "delete_at_source": "Deletion at the platform",
        "content_type": "Content type",
        "recording_url": "URL of a recording",
        "example": "Example",
        "token": "Token",
        "webhook_api_version": "Version of the webhook API",
        "public_key": "Public key",
    }
)


def tabs_of(here: Here) -> list[dict[str, str]]:
    """Return the pages of the section that the session may open."""
    tabs = (
        [
            {"name": translatable("Platforms"), "path": "/connections"},
            {"name": translatable("The account"), "path": ACCOUNT},
        ]
        if here.allows("settings:write")
        else []
    )
    if here.allows("audit:read"):
        tabs.append({"name": translatable("Events"), "path": EVENTS})
        tabs.append({"name": translatable("Hand-over"), "path": HANDOVER})
    if here.allows("keys:write"):
        tabs.append({"name": translatable("Keys"), "path": "/connections/keys"})
    if here.allows("links:write"):
        tabs.append({"name": translatable("Cut links"), "path": "/connections/keys/cuts"})
    return tabs


TAB: Final = Tab(SECTION, tabs_of, "/connections")


@router.get("/connections")
async def show_connections(here: Setting) -> Response:
    """List the connections."""
    views = await here.vault.accounts.connections.list(here.account_id)
    return TAB.page(here, "connections.html", gettext("Connections"), views=views)


@router.get("/connections/new")
async def show_connection_form(here: Setting) -> Response:
    """Show the form of a connection: a new one, or that which ``from`` names, without its credentials."""
    name, values = here.query("from", most=128), {"title": "main"}
    if name and here.mistake is None:
        values = _values(await here.vault.accounts.connections.read(here.account_id, name))
    return TAB.page(
        here,
        "connection_new.html",
        gettext("Connect a platform"),
        providers=[(name, name) for name in sorted(here.vault.accounts.connections.providers)],
        credentials=CREDENTIALS,
        previous=PREVIOUS,
        values=here.values(values),
    )


@acts(router, "/connections", again=show_connection_form)
async def set_connection(here: Setting) -> str:
    """Connect the account to a platform, or change the connection of this name."""
    body = checked(ConnectionIn, _body(here.form))
    require_grantable(scopes_beyond("connection", here.allows))
    name = here.form.text("title")
    made, _, _ = await here.vault.accounts.connections.set(
        here.account_id, name, body.wanted(), actor=here.actor
    )
    return f"/connections/{made.name}?done=connected"


@router.get("/connections/{connection}")
async def show_connection(here: Setting, connection: Name) -> Response:
    """Show a connection, and what to enter at the platform."""
    view = await here.vault.accounts.connections.read(here.account_id, connection)
    return TAB.page(
        here,
        "connection.html",
        view.connection.name,
        one=view.connection,
        last=view.activity,
        webhook_url=view.webhook_url,
        steps=steps_of(view.setup),
    )


@acts(router, "/connections/{connection}/deletion", again=show_connection)
async def delete_connection_page(here: Setting, connection: Name) -> str:
    """Delete a connection, with its name typed."""
    require_name(here.form, connection)
    await here.vault.accounts.connections.delete(here.account_id, connection, actor=here.actor)
    return "/connections?done=disconnected"


def _body(form: Form) -> dict[str, Any]:
    """Return the body that REST takes. A credential without a name is none."""
    body: dict[str, Any] = {
        "provider": form.text("provider"),
        "credentials": _pairs(form, "credential", "secret", CREDENTIALS),
        "previous_credentials": _pairs(form, "previous", "previous_secret", PREVIOUS) or None,
        "delete_refused": form.text("delete_refused") == "on",
        "pause_refused": form.text("pause_refused") == "on",
    }
    body |= {name: form.text(name) for name in ("api_base", "next_url") if form.text(name)}
    if form.text("collect_from"):
        body["collect_from"] = moment_text(form.text("collect_from"))
    if form.text("delete_at_source"):
        body["delete_at_source"] = form.text("delete_at_source") == "yes"
    return body


def _pairs(form: Form, name: str, secret: str, most: int) -> dict[str, str]:
    pairs = ((form.text(f"{name}.{n}"), form.text(f"{secret}.{n}")) for n in range(most))
    return {name: secret for name, secret in pairs if name}


def _values(view: ConnectionView) -> dict[str, str]:
    """Return the fields of the form, as a connection fills them; an empty ``collect_from`` keeps the stored one."""
    one = view.connection
    values = {"title": one.name, "provider": one.provider, "delete_at_source": "no"}
    values |= {name: text for name in ("api_base", "next_url") if (text := getattr(one, name))}
    if one.delete_at_source:
        values["delete_at_source"] = "yes"
    return values | {name: "on" for name in ("delete_refused", "pause_refused") if getattr(one, name)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A setting: its name in the language of the page, and the texts of its value."""

    #: The names of the groups that it is in, each with a colon.
    within: str
    name: str
    #: Whether the name is the platform's own.
    is_code: bool
    #: Sentences of a service, or names and addresses, which have no spaces.
    texts: tuple[str, ...]
    #: JSON to show as it is; then there are no texts.
    example: str | None = None


def steps_of(setup: Mapping[str, object], within: str = "") -> list[Step]:
    """Return the settings of an adapter; those of a group have its name before theirs."""
    steps: list[Step] = []
    for name, value in setup.items():
        words = translated(_NAMES.get(name, name))
        if name == "example":
            shown = json.dumps(value, indent=2)
            steps.append(Step(within=within, name=words, is_code=False, texts=(), example=shown))
        elif isinstance(value, Mapping):
            steps += steps_of(value, f"{within}{words}: ")
        else:
            texts = tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)
            steps.append(Step(within=within, name=words, is_code=name not in _NAMES, texts=texts))
    return steps
