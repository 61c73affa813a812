"""For operators, who belong to no account: choose one, go to one by its name, or open another."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Request, Response
from pydantic import Field

from vault.errors import NotFound
from vault.services.service import Vault
from vault.web.console.access import Person, SignedInPerson, path_of
from vault.web.console.forms import checked, read_form, see_other
from vault.web.console.mistakes import MISTAKES, Mistake, WordedForbidden
from vault.web.console.route import console_router
from vault.web.http.auth import TheVault
from vault.web.http.html import translated_page
from vault.web.http.translations import gettext
from vault.web.schemas.accounts.settings import AccountIn

router = console_router("/console")
#: Accounts on a page.
_PAGE: Final = 100
#: Stands for a dot in a cursor: dots part the cursors of a way back, and no name has this sign.
_DOT: Final = "~"


class _NewAccount(AccountIn):
    """An account to open, by the name that stands in its addresses."""

    account: Annotated[str, Field(min_length=1, max_length=128)]


async def accounts_page(
    request: Request,
    vault: Vault,
    person: SignedInPerson,
    *,
    typed: Mapping[str, str] | None = None,
    mistake: Mistake | None = None,
) -> Response:
    """Return a page of all accounts by name, or lead to the one that the query names.

    ``typed`` and ``mistake``: the form of a new account, and what is wrong with it.
    """
    wanted = request.query_params.get("account", "").strip()[:128]
    if wanted:
        try:
            return see_other(path_of((await vault.accounts.accounts.find(wanted)).ref))
        except NotFound:
            pass
    after = request.query_params.get("cursor", "")[:128].replace(_DOT, ".") or None
    found = await vault.accounts.accounts.list(None, after=after, limit=_PAGE + 1)
    return translated_page(
        "console/accounts.html",
        status=404 if wanted else 200 if mistake is None else mistake.status,
        accounts=found[:_PAGE],
        following=found[_PAGE - 1].ref.replace(".", _DOT) if len(found) > _PAGE else None,
        is_first=after is None,
        path_of=path_of,
        wanted=wanted,
        may_open=_may_open(person),
        values=typed or {},
        mistake=mistake,
    )


@router.post("/accounts")
async def open_account(request: Request, vault: TheVault, person: Person) -> Response:
    """Open an account, and lead to it. Raises Forbidden."""
    if not _may_open(person):
        raise WordedForbidden(gettext("Only an operator who may change settings can open an account."))
    form = await read_form(request)
    typed = {name: form.text(name) for name in ("account", "name", "locale")}
    try:
        body = checked(_NewAccount, {name: value for name, value in typed.items() if value})
        opened = await vault.accounts.accounts.open_new(
            body.account, name=body.name, locale=body.locale, actor=person.session.actor
        )
    except MISTAKES as error:
        return await accounts_page(request, vault, person, typed=typed, mistake=Mistake.of(error))
    return see_other(f"{path_of(opened.ref)}?done=account_opened")


def _may_open(person: SignedInPerson) -> bool:
    session = person.session
    return session.account_id is None and session.agents_for("settings:write") is None
