"""The way back from a system at which a person has authorized an integration."""

from fastapi import Request, Response

from vault.errors import NotFound, Refused, Unavailable
from vault.web.console.access import Person, console
from vault.web.console.accounts.connections import HANDOVER
from vault.web.console.forms import see_other
from vault.web.console.layout import message_page
from vault.web.console.mistakes import words_of_error
from vault.web.console.route import console_router
from vault.web.http.auth import TheVault
from vault.web.http.problems import of_error
from vault.web.http.translations import gettext

router = console_router("/console/integrations")
_needs = console("settings:write")


@router.get("/callback")
async def finish_authorization(request: Request, vault: TheVault, person: Person) -> Response:
    """Take the answer of the system, for the person who has begun it, and go on to the integration."""
    state, code, error = (_one(request, name) for name in ("state", "code", "error"))
    authorizations = vault.handover.authorizations
    try:
        integration = await authorizations.integration_of(state or "")
        allowed = await _needs(request, integration.account_id)
    except NotFound:
        return _over()
    page = f"{allowed.path}{HANDOVER}/{integration.id}"
    try:
        await authorizations.finish(
            integration.account_id, state=state or "", code=code, error=error, actor=person.session.actor
        )
    except NotFound:
        return _over()
    except (Refused, Unavailable) as mistake:
        text, is_english = words_of_error(mistake)
        return message_page(
            gettext("The integration is not authorized"),
            text,
            status=of_error(mistake).status_code,
            link=page,
            link_name=gettext("The integration"),
            is_english=is_english,
        )
    return see_other(f"{page}?done=integration_granted")


def _over() -> Response:
    return message_page(
        gettext("This authorization is over"),
        gettext(
            "It was used, has taken longer than ten minutes, or was begun by somebody else. Begin again."
        ),
        status=404,
    )


def _one(request: Request, name: str) -> str | None:
    """Return a parameter of the address; one that is there twice counts as missing."""
    found = request.query_params.getlist(name)
    return found[0] if len(found) == 1 else None
