"""The sign-in of operators at a provider: set it, show it, delete it; list, remove and readmit its people."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from vault.domain.sign_in.connection import OPERATORS, ProviderSettings, RoleMapping, SignInConnection
from vault.errors import Invalid, NotFound
from vault.rfc3339 import write_rfc3339
from vault.services.sign_in.members import Member
from vault.services.sign_in.sign_in_connections import ConnectionChange

if TYPE_CHECKING:
    from vault.services.service import Vault

_NAME: Final = "operators"
_ID: Final = re.compile(r"idp_[0-9a-f]{32}")
#: People read at a time.
_PAGE: Final = 200


async def perform_sign_in(
    vault: "Vault", command: str, arguments: Mapping[str, Any], *, actor: str
) -> dict[str, Any]:
    """Run a command of the group. Raises the errors of the service."""
    connections = vault.sign_in.connections
    if command == "sign-in.set":
        change = _change(arguments)
        return _shown(vault, await connections.set(OPERATORS, _NAME, change, actor=actor))
    if command == "sign-in.show":
        return _shown(vault, await connections.get(OPERATORS, _NAME))
    if command == "sign-in.delete":
        await connections.delete(OPERATORS, _NAME, actor=actor)
        return {}
    return await _perform_people(vault, command, arguments, actor=actor)


async def _perform_people(
    vault: "Vault", command: str, arguments: Mapping[str, Any], *, actor: str
) -> dict[str, Any]:
    if command == "sign-in.people":
        return {"people": [_person(one) for one in await _people(vault)]}
    if command == "sign-in.remove":
        await vault.sign_in.members.remove(OPERATORS, arguments["person"], actor=actor)
        return {}
    if command == "sign-in.readmit":
        await vault.sign_in.members.readmit(OPERATORS, arguments["person"], actor=actor)
        return {}
    raise NotFound(f"There is no command {command!r}.")


async def _people(vault: "Vault") -> list[Member]:
    """Return all operators' people, the newest first."""
    found: list[Member] = []
    before = None
    while page := await vault.sign_in.members.page(OPERATORS, before=before, limit=_PAGE):
        found += page
        before = (page[-1].row.first_at, page[-1].row.id)
    return found


def _person(one: Member) -> dict[str, Any]:
    state = "removed" if one.row.removed_at else "operator" if "operator" in one.roles else "no role"
    return {
        "id": one.row.id,
        "state": state,
        "last_at": write_rfc3339(one.row.last_at, "seconds"),
        "name": one.name,
        "subject": one.subject,
    }


def _change(arguments: Mapping[str, Any]) -> ConnectionChange:
    """Return the change. Raises Invalid for an id that no connection can have."""
    # Of an older release, the command line sends no id.
    id_ = arguments.get("id")
    if id_ is not None and not _ID.fullmatch(id_):
        raise Invalid(
            "The id is idp_ and 32 hexadecimal digits: the end of the redirect address.", field="id"
        )
    settings = ProviderSettings(
        issuer=arguments["issuer"],
        client_id=arguments["client_id"],
        client_secret=arguments["client_secret"],
        scopes=tuple(arguments["scopes"]),
        claim=tuple(arguments["claim"]),
        roles=tuple(RoleMapping(value=value, role="operator") for value in arguments["values"]),
    )
    # Without a secret the one that is stored stays.
    keep = arguments["client_secret"] is None
    return ConnectionChange(settings=settings, keep_secret=keep, own_key=arguments["own_key"], id=id_)


def _shown(vault: "Vault", connection: SignInConnection) -> dict[str, Any]:
    settings, urls = connection.settings, vault.sign_in.sign_in.provider.urls
    return {
        "issuer": settings.issuer,
        "client": settings.client_id,
        "claim": ".".join(settings.claim),
        "values": ", ".join(mapping.value for mapping in settings.roles),
        "sign-in": urls.console("sign-in", connection.id),
        "redirect": urls.console("callback", connection.id),
        "back-channel": urls.console("back-channel", connection.id),
        "jwks": "" if settings.client_key is None else urls.console("jwks", connection.id),
    }
