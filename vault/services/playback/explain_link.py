"""Say to an account whether a link that it signed opens now, and if not, why; a listener is never told."""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from vault.database.interface import Database
from vault.domain.playback.signed_token import BadToken, Permission
from vault.domain.playback.why_refused import CheckReason, sentence
from vault.errors import Invalid
from vault.ports.clock import Clock
from vault.services.playback.signed_links import SignedLink, SignedLinks
from vault.services.playback.verify_link_token import LinkTokenVerifier

_PATH: Final = "/p/"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCheck:
    """What becomes of a link that is opened now."""

    #: None: it opens.
    reason: CheckReason | None
    #: A sentence for the developer of who signs.
    detail: str
    #: The claim that is wrong.
    claim: str | None = None
    #: When it expires; None where its claims were not read.
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainLink:
    """Check a signed link of an account. Opens nothing, changes nothing, and counts as no refusal."""

    database: Database
    clock: Clock
    verifier: LinkTokenVerifier
    signed: SignedLinks

    async def __call__(self, account_id: str, link: str, *, address: str | None) -> LinkCheck:
        """Return whether the link opens now, for a listener at ``address``; None: from any network. Raises Invalid."""
        token, permission = _token_of(link), None
        if address is not None:
            _check_address(address)
        try:
            if await self.verifier.is_own(token):
                return _refused(BadToken("malformed"), "not_signed")
            permission = await self.verifier.read(token, account_id)
            found = await self.signed.examine(permission)
        except BadToken as error:
            return _refused(error, error.reason, permission)
        reason = await self._reason(found, address)
        return LinkCheck(reason=reason, detail=sentence(reason), expires_at=permission.expires_at)

    async def _reason(self, found: SignedLink, address: str | None) -> CheckReason | None:
        """Return why a link with a good token opens no session now; a media link goes on with the one that it has."""
        link, now = found.link, max(found.now, self.clock())
        sessions, session = await self.database.read(
            lambda tx: (tx.links.count_sessions(link.id), tx.links.session_of_link(link.id))
        )
        if link.kind == "media" and session is not None:
            if session.ends_at <= now:
                return "used_up"
        elif link.is_expired(now):
            return "expired"
        elif sessions >= link.sessions:
            return "used_up"
        return None if address is None or link.permits_address(address) else "elsewhere"


def _refused(error: BadToken, reason: CheckReason, permission: Permission | None = None) -> LinkCheck:
    expires_at = None if permission is None else permission.expires_at
    return LinkCheck(
        reason=reason, detail=sentence(reason, error.claim), claim=error.claim, expires_at=expires_at
    )


def _check_address(address: str) -> None:
    try:
        ip_address(address)
    except ValueError:
        raise Invalid("address must be an IP address, such as 192.0.2.7.", field="address") from None


def _token_of(link: str) -> str:
    """Return the token of an address, or the text itself."""
    try:
        path = urlsplit(link.strip()).path
    except ValueError:
        return link
    return path.rpartition(_PATH)[2] if _PATH in path else link.strip()
