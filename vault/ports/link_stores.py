"""What a transaction offers of links and of the sessions that they open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.playback.link import Link, Session
from vault.ports.access_log import UnsettledSession


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFilter:
    """Which of an account's links are meant. None means any."""

    recording_id: str | None = None
    #: The keyed hash of the listener's name.
    listener: bytes | None = None
    #: Only those that can still be opened at this moment, and were not revoked.
    open_at: datetime | None = None


class Links(Protocol):
    """Links and sessions."""

    def insert(self, link: Link, token_hash: bytes) -> None:
        """Add a link."""

    def by_token(self, token_hash: bytes) -> Link | None:
        """Return the link with this token, whatever its age."""

    def get(self, account_id: str, link_id: str) -> Link | None:
        """Return an account's link."""

    def of_recording(self, account_id: str, recording_id: str) -> Sequence[Link]:
        """Return a recording's links, newest first."""

    def page(
        self, account_id: str, wanted: LinkFilter, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Link]:
        """Return an account's links, newest first, those that come before the cursor (created_at, id)."""

    def revoke(self, link_id: str, at: datetime) -> None:
        """Stop the link and its sessions."""

    def revoke_all(self, account_id: str, wanted: LinkFilter, at: datetime) -> Sequence[Link]:
        """Stop every link that is wanted and not stopped yet, and return them."""

    def open_session(self, session: Session, *, secret_hash: bytes, nonce_hash: bytes) -> Session | None:
        """Add a session if the link has one left, holding the link's row.

        The same nonce again gives the session that it opened, with the new secret. None if the
        sessions are used up. Raises NotFound if the link was revoked meanwhile.
        """

    def session(self, session_id: str) -> tuple[Session, bytes] | None:
        """Return a session and the hash of its secret."""

    def still_good(self, event: AccessEvent) -> bool:
        """Return whether a grant's session, link and recording are good at the event's moment, as granting does."""

    def take_log_entries(self, session_id: str, wanted: int) -> int:
        """Take some of the entries that the session may add to the log by now; return how many. Raises NotFound."""

    def session_of_link(self, link_id: str) -> Session | None:
        """Return the one session of a media link."""

    def unsettled(self, before: datetime, *, limit: int) -> Sequence[UnsettledSession]:
        """Return sessions that ended before a moment, and on which the last word was not said."""

    def read_until(self, session_ids: Sequence[str], log_size: int) -> None:
        """Note that nothing before this place of the log matters to the last word on these sessions."""

    def settle(self, session_id: str) -> bool:
        """Note that it is said now; False if it was said before."""
