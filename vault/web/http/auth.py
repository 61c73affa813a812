"""Who calls, and for which account: bearer keys, their scopes, and no word about other accounts."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from vault.domain.accounts.account import Account, ApiKey, Scope
from vault.errors import Forbidden, NotAuthentic, NotFound
from vault.services.service import Vault

_BEARER = HTTPBearer(
    scheme_name="ApiKey",
    description="An API key of the vault: `Authorization: Bearer cv_...`.",
    auto_error=False,  # What is said then is the vault's own.
)


@dataclass(frozen=True, slots=True, repr=False)
class Caller:
    """An API key that proved itself, and its text, which opens kept answers."""

    key: ApiKey
    bearer: str


def vault_of(request: Request) -> Vault:
    """Return the vault that the app serves."""
    vault: Vault = request.app.state.vault
    return vault


async def caller_of(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> Caller:
    """Return who holds the key of this request. Raises NotAuthentic."""
    if given is None:
        raise NotAuthentic("Send an API key: `Authorization: Bearer cv_...`.")
    if len(request.headers.getlist("authorization")) > 1:
        # A proxy may have checked one and the vault would read the other.
        raise NotAuthentic("Send one Authorization header: this request has several.")
    bearer = given.credentials.strip()
    return Caller(await vault_of(request).authenticate(bearer), bearer)


async def _the_vault(request: Request) -> Vault:
    # FastAPI sends a plain function to a thread, and that costs more than most of a small request.
    return vault_of(request)


TheVault = Annotated[Vault, Depends(_the_vault)]
TheCaller = Annotated[Caller, Depends(caller_of)]


@dataclass(frozen=True, slots=True)
class Access:
    """A caller who may do this for this account."""

    account: Account
    caller: Caller

    @property
    def actor(self) -> str:
        """Return how the access log names the caller."""
        return self.caller.key.id

    def allows(self, scope: Scope) -> bool:
        """Say whether the caller's key also has this scope."""
        return self.caller.key.allows(scope)


class access:  # noqa: N801 - used like a function
    """A dependency that demands a scope, for the account in the path.

    Another account's name is 404, as is one that nobody has: a key for one account learns nothing
    about others. Then 403 for a key without the scope.
    """

    def __init__(self, scope: Scope) -> None:
        """Demand ``scope``, which the contract names, too."""
        self.scope = scope

    async def __call__(
        self, vault: TheVault, caller: TheCaller, account: Annotated[str, Path(max_length=128)]
    ) -> Access:
        """Return the caller and the account."""
        found = await vault.find_account(account)
        if caller.key.account_id not in {None, found.id}:
            raise NotFound("There is no such account.")
        require_scope(caller, self.scope)
        return Access(found, caller)


def require_scope(caller: Caller, scope: Scope) -> None:
    """Raise Forbidden unless the caller's key carries the scope."""
    if not caller.key.allows(scope):
        raise Forbidden(f"This key does not carry the scope {scope}.")
