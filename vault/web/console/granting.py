"""Refuse to give away what somebody may not do himself, in the language of the page."""

from collections.abc import Sequence

from vault.domain.accounts.account import Scope
from vault.web.console.worded import WordedForbidden
from vault.web.http.translations import gettext


def require_grantable(beyond: Sequence[Scope]) -> None:
    """Raise Forbidden if something would be given that its maker may not do: ``beyond``, of ``scopes_beyond``."""
    if beyond:
        raise WordedForbidden(
            gettext("You cannot grant scopes that you do not have: %(scopes)s.", scopes=", ".join(beyond))
        )
