"""Playback links, their sessions, and the byte windows of grants."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, Literal

from vault.domain.audit_log import log_allowance
from vault.domain.recordings.recording import Recording, State
from vault.errors import Invalid

Kind = Literal["player", "media"]
#: Why somebody listens; disclosed to a person who asks for access to their data (C-579/21).
Purpose = Literal[
    "quality",
    "training",
    "dispute",
    "legal_claims",
    "security",
    "person_request",
    "technical",
    "consent_check",
    "other",
]
#: Purposes that open what is held back: restricted recordings, and those in quarantine.
HELD_PURPOSES: Final[frozenset[str]] = frozenset({"legal_claims", "consent_check"})
#: State of a session: ``open``, or why it no longer plays.
SessionState = Literal["open", "ended", "erased", "restricted", "revoked", "elsewhere"]
#: State of a link: ``open``, or why it opens no further session. ``elsewhere``, as of a session: not from the client's
#: network.
LinkState = Literal["open", "erased", "restricted", "revoked", "expired", "used", "elsewhere"]

#: States in which a recording is played; in quarantine only by links for the check of its consent.
PLAYABLE = frozenset({State.AVAILABLE, State.QUARANTINED})
MIN_LIFETIME = timedelta(seconds=1)
MAX_LIFETIME = timedelta(hours=24)
DEFAULT_LIFETIME = timedelta(minutes=15)
DEFAULT_SESSIONS = 5
MAX_SESSIONS = 1000
MIN_SESSION_LIFETIME = timedelta(minutes=5)
#: Rate limit of the log entries of a session: burst, and entries per second since it was opened. A listener
#: who seeks every two seconds for hours stays below it, however many requests the browser makes per seek.
LOG_ENTRY_BURST = 1000
LOG_ENTRIES_PER_SECOND = 2

#: The first grant is small (less than twice this), so that the first byte is sent early; the windows double up to the
#: maximum.
FIRST_WINDOW = 64 * 1024
MAX_WINDOW = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Time-limited access to one recording. The token itself is not stored."""

    id: str
    account_id: str
    recording_id: str
    kind: Kind
    #: Id of the API key.
    created_by: str
    created_at: datetime
    #: No new session opens after this; open sessions end at their own ``ends_at``.
    expires_at: datetime
    #: Maximum number of sessions; 1 for media links.
    sessions: int
    #: Permitted client networks in CIDR notation; empty means any.
    networks: tuple[str, ...]
    #: Whether its sessions may also download the original.
    download: bool
    revoked_at: datetime | None
    #: Keyed hash of the listener's name, for search.
    listener_term: bytes
    #: The intended listener's name, sealed under the account key.
    sealed_listener: bytes
    key_version: int
    #: None where its creator gave none.
    purpose: Purpose | None = None
    #: Whether it also plays a restricted recording (GDPR article 18(2)): a right that its creator had and gave.
    plays_restricted: bool = False

    @property
    def plays_quarantined(self) -> bool:
        """Return whether it also plays a recording in quarantine: for people who decide about its consent alone."""
        return self.purpose == "consent_check" and self.kind == "player"

    def plays(self, recording: Recording) -> bool:
        """Return whether its sessions play the recording in its state; ``stores/hot/statements.PLAYS`` in SQL."""
        if plays_without_right(recording):
            return True
        if recording.state is State.AVAILABLE:
            return self.plays_restricted
        return recording.state is State.QUARANTINED and not recording.restricted and self.plays_quarantined

    def is_expired(self, now: datetime) -> bool:
        """Return whether no new session may open: asked by ``open_links.py``, and in the transaction of the opening."""
        return self.expires_at <= now

    def permits_address(self, address: str | None) -> bool:
        """Return whether a client at ``address`` is inside the link's networks."""
        return _in_networks(self.networks, address)


def plays_without_right(recording: Recording) -> bool:
    """Return whether it is available and not restricted: what a download by key and a signed link need."""
    return recording.state is State.AVAILABLE and not recording.restricted


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One listening session. Its secret, in the cookie, differs from the id in the path."""

    id: str
    account_id: str
    recording_id: str
    link_id: str
    opened_at: datetime
    #: No bytes are sent after this.
    ends_at: datetime


def session_length(duration: float | None) -> timedelta:
    """Return a session's lifetime: twice the recording's duration, at least five minutes."""
    return max(MIN_SESSION_LIFETIME, timedelta(seconds=2 * (duration or 0)))


def log_entries_allowed(age: timedelta) -> int:
    """Return the maximum number of audio grants and waveform reads for a session of this age."""
    return LOG_ENTRY_BURST + int(LOG_ENTRIES_PER_SECOND * max(0.0, age.total_seconds()))


def denials_allowed(age: timedelta) -> int:
    """Return the maximum number of refusals in the log for a link of this age; a dead link gets no more of them."""
    return log_allowance.denials_allowed(age, MAX_LIFETIME)


def session_state(
    session: Session, link: Link, recording: Recording, *, address: str | None, now: datetime
) -> SessionState:
    """Return a session's state for a client at ``address``. An ended one stays ``ended``, whatever happens later."""
    if session.ends_at <= now:
        return "ended"
    if not link.plays(recording):
        # Out of AVAILABLE a recording only goes to ERASING; out of QUARANTINED also to REFUSED, without its keys.
        return "restricted" if recording.state in PLAYABLE and recording.restricted else "erased"
    if link.revoked_at is not None:
        return "revoked"
    return "open" if link.permits_address(address) else "elsewhere"


def link_state(
    link: Link, recording: Recording, *, sessions: int, address: str | None, now: datetime
) -> LinkState:
    """Return a link's state for a client at ``address``, if ``sessions`` were opened with it.

    What lasts is said before what may change: a listener who comes from another network learns first that the link
    has expired. A restriction comes before, because it is why the link was revoked.
    """
    if recording.state is not State.AVAILABLE and not (
        recording.state in PLAYABLE and link.plays_quarantined
    ):
        return "erased"
    if recording.restricted and not link.plays_restricted:
        # That ended the link for good too, but says more to who holds it.
        return "restricted"
    if link.revoked_at is not None:
        return "revoked"
    if link.is_expired(now):
        return "expired"
    if sessions >= link.sessions:
        return "used"
    return "open" if link.permits_address(address) else "elsewhere"


def _in_networks(networks: Sequence[str], address: str | None) -> bool:
    if not networks:
        return True
    if address is None:
        return False
    try:
        client = ip_address(address)
    except ValueError:
        return False
    if isinstance(client, IPv6Address) and client.ipv4_mapped is not None:
        # A dual-stack socket reports IPv4 clients as mapped addresses.
        client = client.ipv4_mapped
    return any(client in ip_network(network) for network in networks)


def check_networks(networks: Iterable[str]) -> None:
    """Raise Invalid for a text that is not a network in CIDR notation."""
    for network in networks:
        try:
            ip_network(network)
        except ValueError as error:
            raise Invalid(
                "networks must be CIDR networks such as 192.0.2.0/24 or 2001:db8::/32.", field="networks"
            ) from error


def windows(start: int, end: int, longest: int = MAX_WINDOW) -> Iterator[tuple[int, int]]:
    """Split [start, end) into grant windows that double from FIRST_WINDOW to ``longest``, a multiple of it.

    Each ends at a multiple of FIRST_WINDOW, the length of a sealed frame, so no frame is read for two windows. A rest
    of less than FIRST_WINDOW belongs to the window before it, so a short range is one window.
    """
    length = FIRST_WINDOW
    while start < end:
        stop = (start + length) // FIRST_WINDOW * FIRST_WINDOW
        if end - stop < FIRST_WINDOW:
            stop = end
        yield start, stop
        start, length = stop, min(longest, length * 2)
