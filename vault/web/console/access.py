"""Who uses the console: the session of a cookie, its scopes, and the account in the path.

The same rules as for API keys in ``vault/web/http/auth.py``: another account's id is 404, a missing scope 403.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Path, Request, Response

from vault.domain.accounts.account import Account, Scope
from vault.domain.accounts.console_session import ConsoleSession
from vault.domain.ids import Token
from vault.errors import NotAuthentic, NotFound
from vault.services.requests.closures import ClosureStanding
from vault.web.console.mistakes import WordedForbidden
from vault.web.http.auth import READS, vault_of
from vault.web.http.closed_account import check_open
from vault.web.http.cookies import CONSOLE, delete_own_cookie, own_name, read_cookie, set_own_cookie
from vault.web.http.translations import gettext


@dataclass(frozen=True, slots=True, repr=False)
class SignedInPerson:
    """The session of a request, and the secret of its cookie."""

    session: ConsoleSession
    secret: str


@dataclass(frozen=True, slots=True, repr=False)
class Console:
    """An authorized session and the account in the path."""

    account: Account
    person: SignedInPerson
    #: The scope of the door, where also a limit to some agents opens it; else None.
    limited_scope: Scope | None = None
    #: Those of the session's agents that the recording in the path has; None at a door without a recording.
    recording_agents: frozenset[str] | None = None
    #: Of the account; None unless it is closing or closed.
    closure: ClosureStanding | None = None

    @property
    def session(self) -> ConsoleSession:
        """Return the session."""
        return self.person.session

    @property
    def actor(self) -> str:
        """Return the actor of this session's acts in the access log."""
        return self.session.actor

    def allows(self, scope: Scope) -> bool:
        """Tell whether the session also has this scope: for the account, or for the recording in the path."""
        agents = self.session.agents_for(scope)
        if agents is None or self.limited_scope is None:
            return agents is None
        if self.recording_agents is None:
            return bool(agents) and scope == self.limited_scope
        return bool(agents & self.recording_agents)

    @property
    def agents(self) -> frozenset[str] | None:
        """Return the agents to whose recordings a list is limited; None for all recordings."""
        return None if self.limited_scope is None else self.session.agents_for(self.limited_scope)

    def require(self, scope: Scope) -> None:
        """Raise Forbidden unless the session has the scope."""
        if not self.allows(scope):
            raise WordedForbidden(
                gettext("This page needs the scope %(scope)s, which your sign-in does not have.", scope=scope)
            )

    @property
    def path(self) -> str:
        """Return the path of the account's pages."""
        return path_of(self.account.ref)


def path_of(account_ref: str) -> str:
    """Return the path of an account's pages."""
    return f"/console/accounts/{account_ref}"


async def signed_in(request: Request) -> SignedInPerson:
    """Return the session of the cookie, for pages of no account. Raises NotAuthentic."""
    secret = console_secret(request)
    session, _ = await vault_of(request).accounts.console_sessions.find(secret, "")
    return SignedInPerson(session, secret)


Person = Annotated[SignedInPerson, Depends(signed_in)]


class console:  # noqa: N801 - used like a function
    """A dependency that requires a session with a scope, for the account in the path.

    A session that has the scope only for the recordings of some agents gets 403 at every door, except those that say
    ``of_agents``: there a recording of another agent is as absent, and a list has to ask for ``Console.agents``.
    """

    def __init__(self, scope: Scope, *, of_agents: bool = False) -> None:
        """Require ``scope``; ``of_agents``: for the recording in the path, or in a list that is limited."""
        self.scope = scope
        self.of_agents = of_agents

    async def __call__(self, request: Request, account: Annotated[str, Path(max_length=128)]) -> Console:
        """Return the session and the account. Raises NotAuthentic, NotFound, Forbidden, TooMany, AccountClosed."""
        secret = console_secret(request)
        session, found = await vault_of(request).accounts.console_sessions.find(secret, account)
        if found is None:
            raise NotFound("There is no such page.")
        closure = await vault_of(request).requests.closures.standing(found.id)
        allowed = Console(found, SignedInPerson(session, secret), closure=closure)
        if self.of_agents and session.limits:
            allowed = await self._limited(request, allowed)
        # The page of an error has the navigation too.
        request.state.console = allowed
        allowed.require(self.scope)
        begun = closure.state if closure is not None and closure.has_begun else None
        check_open(request, begun, is_form=True)
        if self.scope in READS:
            vault_of(request).accounts.limits.limiter.take_request(found.id)
        return allowed

    async def _limited(self, request: Request, allowed: Console) -> Console:
        """Return what a session with limits may do here. Raises NotFound for a recording of no agent of them."""
        recording: str | None = request.path_params.get("recording")
        session, agents = allowed.session, None
        if recording is not None:
            named = {agent for limit in session.limits for agent in limit.agents}
            agents = await vault_of(request).recordings.recordings.agents_of(
                allowed.account.id, recording, named
            )
            wanted = session.agents_for(self.scope)
            if wanted and not wanted & agents:
                raise NotFound("There is no such page.")
        return replace(allowed, limited_scope=self.scope, recording_agents=agents)


def require_grantable(beyond: Sequence[Scope]) -> None:
    """Raise Forbidden if something would be given that its maker may not do: ``beyond``, of ``scopes_beyond``."""
    if beyond:
        raise WordedForbidden(
            gettext("You cannot grant scopes that you do not have: %(scopes)s.", scopes=", ".join(beyond))
        )


def console_secret(request: Request) -> str:
    """Return the secret in the request's cookie. Raises NotAuthentic without one."""
    secret = read_cookie(request, own_name(request, CONSOLE))
    if secret is None:
        raise NotAuthentic("Sign in first.")
    return secret


def sends_console_cookie(request: Request) -> bool:
    """Return whether the request has a cookie of a session, of whatever value."""
    return read_cookie(request, own_name(request, CONSOLE)) is not None


def set_console_cookie(request: Request, response: Response, session: ConsoleSession, secret: Token) -> None:
    """Set the cookie of a new session. Lax: a link from a mail or from a sign-in provider opens the console."""
    seconds = int((session.ends_at - session.created_at).total_seconds())
    set_own_cookie(
        request,
        response,
        CONSOLE,
        request.app.state.hosting.labelled(secret.text),
        seconds=seconds,
        same_site="lax",
    )


def delete_console_cookie(request: Request, response: Response) -> None:
    """Delete the cookie."""
    delete_own_cookie(request, response, CONSOLE)
