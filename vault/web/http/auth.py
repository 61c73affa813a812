"""Authentication and authorization: bearer keys, their scopes, and tenant isolation."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from vault.domain.accounts.account import Account, ApiKey, Scope
from vault.errors import AccountMoved, Forbidden, NotAuthentic, NotFound
from vault.services.service import Vault
from vault.web.http.closed_account import check_open
from vault.web.http.routing import refuse_unknown_parameters

_BEARER = HTTPBearer(
    scheme_name="ApiKey",
    description="An API key of the vault: `Authorization: Bearer cv_...`.",
    auto_error=False,  # The vault answers with its own problem document.
)


#: Scopes of requests to which the account's rate applies.
READS: Final = frozenset({"recordings:read", "audit:read"})


@dataclass(frozen=True, slots=True, repr=False)
class Caller:
    """An authenticated API key, and its text, which decrypts stored responses to idempotent requests."""

    key: ApiKey
    bearer: str


def vault_of(request: Request) -> Vault:
    """Return the app's vault."""
    vault: Vault = request.app.state.vault
    return vault


async def caller_of(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> Caller:
    """Authenticate the request by its API key. Raises NotAuthentic."""
    bearer = _bearer(request, given)
    return Caller(await vault_of(request).accounts.api_keys.authenticate(bearer), bearer)


def _bearer(request: Request, given: HTTPAuthorizationCredentials | None) -> str:
    if given is None:
        raise NotAuthentic("Send an API key: `Authorization: Bearer cv_...`.")
    if len(request.headers.getlist("authorization")) > 1:
        # A proxy may have checked one header while the vault reads the other.
        raise NotAuthentic("Send one Authorization header: this request has several.")
    return given.credentials.strip()


async def _the_vault(request: Request) -> Vault:
    # Async, because FastAPI runs a plain function in a thread, which costs more than most of a small request.
    return vault_of(request)


TheVault = Annotated[Vault, Depends(_the_vault)]
TheCaller = Annotated[Caller, Depends(caller_of)]


@dataclass(frozen=True, slots=True)
class Access:
    """An authorized caller and the account."""

    account: Account
    caller: Caller

    @property
    def actor(self) -> str:
        """Return the caller's name in the access log."""
        return self.caller.key.id

    def allows(self, scope: Scope) -> bool:
        """Tell whether the caller's key also has this scope."""
        return self.caller.key.allows(scope)


class access:  # noqa: N801 - used like a function
    """A dependency that requires a scope for the account in the path.

    The name of another account and the name of no account are both 404, so a key for one account learns
    nothing about others. A key without the scope is 403.
    """

    def __init__(self, scope: Scope, *, limited: bool | None = None) -> None:
        """Require ``scope``; the contract names it too. ``limited``: the account's rate applies, by default to reads.

        It never applies to what closes something, such as the switch, an objection or an erasure, nor to a call start,
        whose answer may be that the call must not be recorded.
        """
        self.scope = scope
        self.limited = scope in READS if limited is None else limited

    async def __call__(
        self,
        request: Request,
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
        account: Annotated[str, Path(max_length=128)],
    ) -> Access:
        """Return the caller and the account. Raises TooMany over the account's rate, AccountClosed."""
        bearer = _bearer(request, given)
        key, found, closure = await vault_of(request).accounts.api_keys.authorize(bearer, account)
        if found is None:
            move = await vault_of(request).node.old_addresses.of_account(account)
            if move is not None and key.account_id in {None, move.account_id}:
                raise AccountMoved(move.peer_url)
            raise NotFound("There is no such account.")
        caller = Caller(key, bearer)
        require_scope(caller, self.scope)
        check_open(request, closure)
        refuse_unknown_parameters(request)
        if self.limited:
            limiter = vault_of(request).accounts.limits.limiter
            try:
                limiter.take_request(found.id)
            finally:
                # vault/web/middleware/request_limits.py tells it, also with a refusal.
                request.state.quota = limiter.quota(found.id)
        return Access(found, caller)


def require_scope(caller: Caller, scope: Scope) -> None:
    """Raise Forbidden unless the caller's key has the scope."""
    if not caller.key.allows(scope):
        raise Forbidden(f"This key does not have the scope {scope}.")
