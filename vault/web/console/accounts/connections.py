"""Connections to telephony platforms: list them, make one, show what to enter at the platform, and delete one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Final

from fastapi import Path, Response

from vault.domain.audit_log.grantors import scopes_beyond
from vault.errors import Invalid
from vault.ports.telephony import Provider
from vault.web.console.access import require_grantable
from vault.web.console.accounts.connection_form import (
    connection_request,
    connection_values,
    form_field,
    free_name,
    in_labels,
    shown_credentials,
)
from vault.web.console.acts import acts
from vault.web.console.forms import require_name
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import WordedInvalid
from vault.web.console.route import console_router
from vault.web.http.translations import gettext, translatable, translated

router = console_router()
Setting = Annotated[Here, needs("settings:write")]
Name = Annotated[str, Path(max_length=128)]
SECTION: Final = "Connections"
#: The page of the account's own settings, which is a tab of this section.
ACCOUNT: Final = "/account"
#: The page of endpoints that receive events, which is another one.
EVENTS: Final = "/events"
#: And that of hand-over to other systems.
HANDOVER: Final = "/integrations"
#: Settings by the names that REST gives them. Any other name is the platform's own, and stays as it is.
_NAMES: Final[Mapping[str, str]] = translatable(
    {
        "url": "Webhook address",
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
    """Show the platforms to choose from, or the form of one: ``from`` names a connection to change."""
    views = await here.vault.accounts.connections.list(here.account_id)
    platform = _platform(here, here.form.text("provider") or here.query("provider", most=128))
    name, values = here.form.text("changes") or here.query("from", most=128), dict[str, str]()
    if name:
        view = await here.vault.accounts.connections.read(here.account_id, name)
        platform, values = _platform(here, view.connection.provider), connection_values(view)
    if platform is None:
        return TAB.page(
            here,
            "connection_platforms.html",
            gettext("Connect a platform"),
            platforms=sorted(here.vault.accounts.connections.providers.values(), key=_place),
        )
    values["title"] = free_name(platform.name, {view.connection.name for view in views})
    if here.mistake is not None:
        here = replace(here, mistake=here.mistake.renamed(lambda field: form_field(platform, field)))
    return TAB.page(
        here,
        "connection_new.html",
        gettext("Change the connection %(name)s", name=name) if name else gettext("Connect a platform"),
        platform=platform,
        changes=name,
        credentials=shown_credentials(platform),
        values=here.values(values),
    )


@acts(router, "/connections", again=show_connection_form)
async def set_connection(here: Setting) -> str:
    """Connect the account to a platform, or change the connection that ``changes`` names."""
    platform = _platform(here, here.form.text("provider"))
    if platform is None:
        raise WordedInvalid(gettext("Choose a platform."), field="provider")
    name = here.form.text("changes") or here.form.text("title")
    request = connection_request(platform, here.form, await _wrong_name(here))
    require_grantable(scopes_beyond("connection", here.allows))
    made, _, _ = await here.vault.accounts.connections.set(here.account_id, name, request, actor=here.actor)
    return f"/connections/{made.name}?done=connected"


async def _wrong_name(here: Here) -> Sequence[Invalid]:
    """Return what is wrong with the name of a new connection: one of the same name would be changed."""
    if here.form.text("changes"):
        return ()
    name = here.form.text("title")
    if not name:
        return (WordedInvalid(gettext("This is needed."), field="title"),)
    views = await here.vault.accounts.connections.list(here.account_id)
    if name not in {view.connection.name for view in views}:
        return ()
    text = gettext("A connection has this name. Choose another one, or change that connection on its page.")
    return (WordedInvalid(text, field="title"),)


def _platform(here: Here, name: str) -> Provider | None:
    return here.vault.accounts.connections.providers.get(name)


def _place(platform: Provider) -> tuple[bool, str]:
    """Return where a platform stands in the list: by its name, software of one's own last."""
    return platform.is_own_software, platform.title


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
        steps=steps_of(view.setup),
        in_labels=partial(in_labels, here.vault.accounts.connections.providers[view.connection.provider]),
    )


@acts(router, "/connections/{connection}/deletion", again=show_connection)
async def delete_connection_page(here: Setting, connection: Name) -> str:
    """Delete a connection, with its name typed."""
    require_name(here.form, connection)
    await here.vault.accounts.connections.delete(here.account_id, connection, actor=here.actor)
    return "/connections?done=disconnected"


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

    @property
    def is_url(self) -> bool:
        """Return whether it is one address, which is pasted at the platform."""
        return len(self.texts) == 1 and self.texts[0].startswith(("http://", "https://", "wss://"))


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
