"""Routes of SCIM: the token of the directory opens them, and their errors are SCIM's."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from vault.domain.public_urls import PublicUrls
from vault.domain.sign_in.provisioning import Provisioning
from vault.domain.sign_in.scim.refusals import ScimInvalid
from vault.domain.strict_json import read_object
from vault.errors import AccountClosed, NotAuthentic, VaultError
from vault.services.service import Vault
from vault.services.sign_in.provisioning import ScimCaller
from vault.web.http.auth import vault_of
from vault.web.middleware.request_limits import MAX_SCIM_BODY
from vault.web.scim import answers

#: Resources of one answer: by default, and at most.
_COUNT: Final = 100
MAX_COUNT: Final = 200
_MAX_LIST: Final = 1000
_JSON: Final = frozenset({"application/scim+json", "application/json"})
_LARGEST: Final = 2**31 - 1


class ScimRoute(APIRoute):
    """A route that answers errors as SCIM does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handle = super().get_route_handler()

        async def handle_with_errors(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError:
                return answers.error(ScimInvalid("invalidValue", "The address or its query is not valid."))
            except (VaultError, HTTPException) as error:
                return answers.error(error)

        return handle_with_errors


def scim_router() -> APIRouter:
    """Return a router of SCIM; REST's contract does not have it: SCIM describes itself."""
    return APIRouter(
        prefix=answers.PATH + "{account}",
        route_class=ScimRoute,
        include_in_schema=False,
        default_response_class=Response,
    )


@dataclass(frozen=True, slots=True)
class Scim:
    """A request of a directory."""

    request: Request
    vault: Vault
    caller: ScimCaller

    @property
    def account_id(self) -> str:
        """Return the account."""
        return self.caller.account.id

    @property
    def setting(self) -> Provisioning:
        """Return the account's setting."""
        return self.caller.setting

    @property
    def actor(self) -> str:
        """Return the directory's name in the access log."""
        return self.caller.token.id

    @property
    def base(self) -> str:
        """Return the address of the account's SCIM, never taken from a Host header."""
        urls: PublicUrls = self.request.app.state.hosting
        return urls.scim(self.caller.account.ref)

    async def body(self) -> dict[str, Any]:
        """Return the body. Raises ScimInvalid for what is not a JSON object, HTTPException for another type."""
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _JSON:
            raise HTTPException(415, "Send the body as application/scim+json.")
        try:
            return read_object(await self.request.body(), MAX_SCIM_BODY)
        except ValueError:
            text = "The body must be a JSON object, with no name twice in an object."
            raise ScimInvalid("invalidSyntax", text) from None


async def scim(request: Request, account: Annotated[str, Path(max_length=128)]) -> Scim:
    """Authenticate a directory. Raises NotAuthentic, NotFound for another account, AccountClosed."""
    sent = request.headers.getlist("authorization")
    scheme, _, token = (sent[0] if len(sent) == 1 else "").partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthentic(
            "Send one header `Authorization: Bearer` with a token of the account's provisioning."
        )
    vault = vault_of(request)
    caller = await vault.sign_in.provisioning.authorize(token.strip(), account)
    if caller.closure is not None and request.method == "POST":
        # Who leaves a closed account leaves it all the same.
        raise AccountClosed
    return Scim(request, vault, caller)


TheScim = Annotated[Scim, Depends(scim)]


@dataclass(frozen=True, slots=True)
class Listing:
    """What is asked of a list. Both counts are read as RFC 7644, section 3.4.2.4 says."""

    filter: str | None
    start: int
    count: int


async def listing(
    filter: Annotated[str | None, Query(max_length=4096)] = None,  # noqa: A002 - its name in the query
    startIndex: Annotated[int, Query(le=_LARGEST)] = 1,  # noqa: N803 - its name in the query
    count: Annotated[int, Query(le=_LARGEST)] = _COUNT,
) -> Listing:
    """Read the query of a list."""
    return Listing(filter=filter, start=max(1, startIndex), count=min(max(0, count), MAX_COUNT))


@dataclass(frozen=True, slots=True)
class Projection:
    """Which attributes are asked for."""

    attributes: str | None
    excluded: str | None


async def projection(
    attributes: Annotated[str | None, Query(max_length=_MAX_LIST)] = None,
    excludedAttributes: Annotated[str | None, Query(max_length=_MAX_LIST)] = None,  # noqa: N803 - its name in the query
) -> Projection:
    """Read the query of an answer. Raises ScimInvalid for both at once."""
    if attributes and excludedAttributes:
        raise ScimInvalid("invalidValue", "Send attributes or excludedAttributes, not both.")
    return Projection(attributes=attributes, excluded=excludedAttributes)


TheListing = Annotated[Listing, Depends(listing)]
TheProjection = Annotated[Projection, Depends(projection)]
