"""The way back from a system at which a person has authorized an integration."""

from fastapi import Request, Response

from vault.errors import NotFound
from vault.web.console.access import Person, console
from vault.web.console.layout import message_page
from vault.web.console.route import console_router
from vault.web.http.auth import TheVault
from vault.web.http.translations import gettext

router = console_router("/console/integrations")
_needs = console("settings:write")


@router.get("/callback")
async def finish_authorization(request: Request, vault: TheVault, person: Person) -> Response:
    """Take the answer of the system, for the person who has begun it."""
    state, code, error = (_one(request, name) for name in ("state", "code", "error"))
    authorizations = vault.handover.authorizations
    try:
        account_id = await authorizations.account_of(state or "")
        allowed = await _needs(request, account_id)
        await authorizations.finish(
            account_id, state=state or "", code=code, error=error, actor=person.session.actor
        )
    except NotFound:
        return message_page(
            gettext("This authorization is over"),
            gettext(
                "It was used, has taken longer than ten minutes, or was begun by somebody else. Begin again."
            ),
            status=404,
        )
    return message_page(
        gettext("The integration is authorized"),
        gettext("What waited for it is handed over now."),
        link=allowed.path,
    )


def _one(request: Request, name: str) -> str | None:
    """Return a parameter of the address; one that is there twice counts as missing."""
    found = request.query_params.getlist(name)
    return found[0] if len(found) == 1 else None
