"""What a page of the console works with: who asks for it, for which account, and the form that was sent.

A page is a function of ``Here`` that returns ``TAB.page(here, ...)``.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request, Response

from vault.domain.accounts.account import Account, Scope
from vault.domain.public_urls import PublicUrls
from vault.errors import ApprovalNeeded, Invalid, VaultError
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.forms import (
    Form,
    Model,
    checked,
    made_once,
    read_form,
    require_name,
)
from vault.web.console.layout import console_page
from vault.web.console.mistakes import ManyInvalid, Mistake, Newer
from vault.web.http.auth import vault_of
from vault.web.schemas.approvals import ApprovalReasonIn

_NO_FORM: Final = Form({})


@dataclass(frozen=True, slots=True, repr=False)
class Here:
    """A request for a page of an account, by a session that may ask for it."""

    request: Request
    vault: Vault
    allowed: Console
    form: Form = _NO_FORM
    #: What is wrong with the form; then the page shows it again as it was filled in.
    mistake: Mistake | None = None

    @property
    def account(self) -> Account:
        """Return the account in the path."""
        return self.allowed.account

    @property
    def account_id(self) -> str:
        """Return the account's id."""
        return self.allowed.account.id

    @property
    def actor(self) -> str:
        """Return the actor of the session's acts in the access log."""
        return self.allowed.actor

    @property
    def now(self) -> datetime:
        """Return the time."""
        now: datetime = self.request.app.state.clock()
        return now

    @property
    def urls(self) -> PublicUrls:
        """Return the URLs of the vault."""
        urls: PublicUrls = self.request.app.state.hosting
        return urls

    @property
    def cursor(self) -> str | None:
        """Return where the page of a list begins; None for its first one."""
        return self.request.query_params.get("cursor") or None

    @property
    def wrong_form(self) -> str:
        """Return the last part of the path of the form that is wrong; empty if none is."""
        return "" if self.mistake is None else self.request.url.path.rpartition("/")[2]

    def query(self, name: str, *, most: int) -> str:
        """Return a parameter of the address, cut to its longest length; empty if it was not sent."""
        return self.request.query_params.get(name, "")[:most]

    def allows(self, scope: Scope) -> bool:
        """Tell whether the session also has this scope."""
        return self.allowed.allows(scope)

    def values(self, stored: Mapping[str, str]) -> Mapping[str, str]:
        """Return the fields as they were sent with a form; those that are stored without one."""
        return self.form.values() or stored

    def beside_newer(
        self,
        typed: Mapping[str, str],
        stored: Mapping[str, str],
        *,
        version: int,
        at: datetime | None,
        by: str | None,
        path: str,
    ) -> None:
        """Let the summary show how a form that was filled in differs from a version that somebody else set meanwhile.

        ``path``: the page of that version, below the account's.
        """
        fields = {
            name: (typed.get(name, ""), stored.get(name, ""))
            for name in sorted(typed.keys() | stored.keys())
            if typed.get(name, "") != stored.get(name, "")
        }
        self.request.state.newer = Newer(version=version, at=at, by=by, path=path, fields=fields)

    def confirm(self) -> None:
        """Raise Invalid unless the account's name was typed, as a destructive act asks for."""
        require_name(self.form, self.account.ref)

    def confirmed(
        self,
        model: type[Model],
        values: Mapping[str, Any],
        *,
        name: str | None = None,
        called: Mapping[str, str] | None = None,
    ) -> Model:
        """Return the body, as ``checked``, if the account's name was typed, or ``name``; ``called`` as there.

        Raises Invalid that tells what is wrong with both.
        """
        unnamed = list[Invalid]()
        try:
            require_name(self.form, self.account.ref if name is None else name)
        except Invalid as error:
            unnamed.append(error)
        try:
            body = checked(model, values, called=called)
        except ManyInvalid as error:
            raise ManyInvalid([*error.all, *unnamed]) from error
        if unnamed:
            raise unnamed[0]
        return body

    def wrong(self, error: VaultError) -> "Here":
        """Return this with an error of ``MISTAKES``, for the page that shows the form again."""
        return replace(self, mistake=Mistake.of(error))

    async def with_form(self) -> "Here":
        """Return this with the form that was sent. Raises Invalid."""
        return replace(self, form=await read_form(self.request))

    async def made_once(self, make: Callable[[], Awaitable[str]]) -> str:
        """Return the secret that ``make`` returns; a double submit gets the same one and makes nothing."""
        return await made_once(self.request, self.allowed, self.form, make)

    async def done_or_asked(
        self, act: Awaitable[object], done: str, *, subject: str, arguments: Mapping[str, Any]
    ) -> str:
        """Do the act, and return the path ``done``; that of the approval if the account's rule wants one for it.

        ``arguments`` are those that REST stores for the same act: the vault carries out what was approved.
        """
        try:
            await act
        except ApprovalNeeded as needed:
            return await self.asked(needed, subject=subject, arguments=arguments)
        return done

    def approval_reason(self) -> str | None:
        """Return why the act is wanted, for who approves it. Raises Invalid."""
        words = self.form.text("approval_reason") or None
        return checked(ApprovalReasonIn, {"approval_reason": words}).approval_reason

    async def require_verified(self) -> None:
        """Raise Refused if the account wants a fresh verification for this act, and the person has none."""
        await self.vault.sign_in.step_up.require(self.account_id, self.allowed.session)

    async def asked(self, needed: ApprovalNeeded, *, subject: str, arguments: Mapping[str, Any]) -> str:
        """Ask for the approval that an act needs, and return its path."""
        asked = await self.vault.approvals.approvals.ask(
            self.account_id,
            needed,
            subject=subject,
            arguments=arguments,
            reason=self.approval_reason(),
            actor=self.actor,
        )
        return f"/approvals/{asked.id}?done=asked"

    async def remember(self, values: Mapping[str, str]) -> str:
        """Keep what must stand in no address, for this session; return the id under which it is found."""
        return await self.vault.accounts.console_searches.keep(
            self.allowed.session.id, self.allowed.person.secret, values
        )

    async def remembered(self, search_id: str) -> Mapping[str, str]:
        """Return what was kept under an id. Raises NotFound."""
        return await self.vault.accounts.console_searches.read(
            self.allowed.session.id, self.allowed.person.secret, search_id
        )

    def page(self, template: str, *, section: str, status: int = 200, **values: object) -> Response:
        """Render a page of a section of the navigation."""
        return console_page(
            self.request,
            self.allowed,
            template,
            section=section,
            status=status,
            mistake=self.mistake,
            values={"wrong_form": self.wrong_form, **values},
        )


class _Here:
    """The dependency of a page that needs a scope."""

    def __init__(self, scope: Scope, *, of_agents: bool) -> None:
        """Take what ``needs`` takes."""
        self.scope = scope
        self._console = console(scope, of_agents=of_agents)

    async def __call__(self, request: Request, account: Annotated[str, Path(max_length=128)]) -> Here:
        """Return what the page works with. Raises NotAuthentic, NotFound, Forbidden, TooMany, AccountClosed."""
        return Here(request, vault_of(request), await self._console(request, account))


def needs(scope: Scope, *, of_agents: bool = False) -> Any:
    """Return the dependency of a page that needs a scope; ``of_agents``: as ``console`` takes it."""
    return Depends(_Here(scope, of_agents=of_agents))


@dataclass(frozen=True, slots=True)
class Tab:
    """Where pages stand: a section of the navigation, its tabs, and one of them."""

    section: str
    #: Name and path of each tab; a function for those that depend on what the session may open.
    tabs: Sequence[Mapping[str, str]] | Callable[[Here], Sequence[Mapping[str, str]]] = ()
    path: str = ""

    def page(
        self, here: Here, template: str, heading: str, *, status: int = 200, **values: object
    ) -> Response:
        """Render a page."""
        tabs = self.tabs(here) if callable(self.tabs) else self.tabs
        return here.page(
            template, section=self.section, status=status, heading=heading, tabs=tabs, tab=self.path, **values
        )


def scope_needed(dependency: object) -> Scope | None:
    """Return the scope of a dependency that ``needs`` made; None for another one."""
    return dependency.scope if isinstance(dependency, _Here) else None
