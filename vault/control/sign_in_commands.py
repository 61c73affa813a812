"""The sign-in of operators at a provider: set it, show it, delete it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from vault.domain.sign_in.connection import OPERATORS, ProviderSettings, RoleMapping, SignInConnection
from vault.errors import NotFound
from vault.services.sign_in.sign_in_connections import ConnectionChange

if TYPE_CHECKING:
    from vault.services.service import Vault

_NAME: Final = "operators"


async def perform_sign_in(
    vault: "Vault", command: str, arguments: Mapping[str, Any], *, actor: str
) -> dict[str, Any]:
    """Run a command of the group. Raises the errors of the service."""
    connections = vault.sign_in_connections
    if command == "sign-in.set":
        change = _change(arguments)
        return _shown(vault, await connections.set(OPERATORS, _NAME, change, actor=actor))
    if command == "sign-in.show":
        return _shown(vault, await connections.get(OPERATORS, _NAME))
    if command == "sign-in.delete":
        await connections.delete(OPERATORS, _NAME, actor=actor)
        return {}
    raise NotFound(f"There is no command {command!r}.")


def _change(arguments: Mapping[str, Any]) -> ConnectionChange:
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
    return ConnectionChange(settings=settings, keep_secret=keep, own_key=arguments["own_key"])


def _shown(vault: "Vault", connection: SignInConnection) -> dict[str, Any]:
    settings, console = connection.settings, f"{vault.sign_in.provider.public_url}/console"
    return {
        "issuer": settings.issuer,
        "client": settings.client_id,
        "claim": ".".join(settings.claim),
        "values": ", ".join(mapping.value for mapping in settings.roles),
        "sign-in": f"{console}/sign-in/{connection.id}",
        "redirect": f"{console}/callback/{connection.id}",
        "back-channel": f"{console}/back-channel/{connection.id}",
        "jwks": "" if settings.client_key is None else f"{console}/jwks/{connection.id}",
    }
