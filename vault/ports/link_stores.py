"""The store of links and sessions in a transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.playback.link import Link, Session
from vault.ports.access_log import UnsettledSession


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFilter:
    """A filter on an account's links. None means any."""

    recording_id: str | None = None
    #: Keyed hash of the listener's name.
    listener: bytes | None = None
    #: Only links that are neither expired at this moment nor revoked.
    open_at: datetime | None = None


class Links(Protocol):
    """Links and sessions."""

    def insert(self, link: Link, token_hash: bytes) -> None:
        """Add a link."""

    def by_token(self, token_hash: bytes) -> Link | None:
        """Return the link with this token, also if it is expired or revoked."""

    def get(self, account_id: str, link_id: str) -> Link | None:
        """Return an account's link."""

    def of_recording(self, account_id: str, recording_id: str) -> Sequence[Link]:
        """Return a recording's links, newest first."""

    def page(
        self, account_id: str, wanted: LinkFilter, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Link]:
        """Return an account's links, newest first, starting before the cursor (created_at, id)."""

    def revoke(self, link_id: str, at: datetime) -> None:
        """Revoke the link and its sessions."""

    def revoke_all(self, account_id: str, wanted: LinkFilter, at: datetime) -> Sequence[Link]:
        """Revoke every matching link that is not revoked yet, and return them."""

    def open_session(self, session: Session, *, secret_hash: bytes, nonce_hash: bytes) -> Session | None:
        """Add a session if the link has one left, under a lock on the link's row.

        A repeated nonce returns the session that it opened, with the new secret. None if the maximum number of
        sessions is reached. Raises NotFound if the link was revoked meanwhile.
        """

    def session(self, session_id: str) -> tuple[Session, bytes] | None:
        """Return a session and the hash of its secret."""

    def still_good(self, event: AccessEvent) -> bool:
        """Return whether a grant's session, link and recording are valid at the event's time, as ``grant`` checks."""

    def take_log_entries(self, session_id: str, wanted: int) -> int:
        """Reserve up to ``wanted`` of the session's remaining log entries; return how many. Raises NotFound."""

    def session_of_link(self, link_id: str) -> Session | None:
        """Return the one session of a media link."""

    def unsettled(self, before: datetime, *, limit: int) -> Sequence[UnsettledSession]:
        """Return sessions that ended before then and are not settled: their missing end events are not written yet."""

    def read_until(self, session_ids: Sequence[str], log_size: int) -> None:
        """Set the log index from which to read these sessions' events before settling them."""

    def settle(self, session_id: str) -> bool:
        """Mark the session as settled; False if it already was."""
