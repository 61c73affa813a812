"""Playback links, the sessions they open, and the windows in which bytes are granted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Literal

from vault.domain.recordings.recording import Recording, State

Kind = Literal["player", "media"]
#: How a session stands: it plays, or why it plays no more.
Standing = Literal["open", "ended", "erased", "restricted", "revoked"]

MIN_LIFETIME = timedelta(seconds=1)
MAX_LIFETIME = timedelta(hours=24)
DEFAULT_LIFETIME = timedelta(minutes=15)
DEFAULT_SESSIONS = 5
MAX_SESSIONS = 1000
MIN_SESSION_LIFETIME = timedelta(minutes=5)
#: Entries of the log that a session may cause in a moment, and for each second since it was opened. A listener
#: who seeks every two seconds for hours stays below it, whatever the browser makes of a seek.
LOG_ENTRY_BURST = 1000
LOG_ENTRIES_PER_SECOND = 2

#: The first grant is small, so that the first byte comes soon; the windows double up to the largest.
FIRST_WINDOW = 64 * 1024
MAX_WINDOW = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A time-limited way to hear one recording. The token itself is not kept."""

    id: str
    account_id: str
    recording_id: str
    kind: Kind
    #: The API key that made it.
    created_by: str
    created_at: datetime
    #: Stops new opens; a session has its own end.
    expires_at: datetime
    #: How many sessions it may open; for media links one.
    sessions: int
    #: CIDR networks that may open it; empty means any.
    networks: tuple[str, ...]
    #: Whether its sessions may also keep the original as a file.
    download: bool
    revoked_at: datetime | None
    #: The keyed hash under which a listener's links are found.
    listener_term: bytes
    #: Who is meant to listen, sealed under the account key: a person's name.
    sealed_listener: bytes
    key_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One listening. Its secret, in the cookie, is not the id in the path."""

    id: str
    account_id: str
    recording_id: str
    link_id: str
    opened_at: datetime
    #: Bytes stop here.
    ends_at: datetime


def session_length(duration: float | None) -> timedelta:
    """Return how long a session lasts: twice the recording, at least five minutes."""
    return max(MIN_SESSION_LIFETIME, timedelta(seconds=2 * (duration or 0)))


def log_entries_allowed(age: timedelta) -> int:
    """Return how many grants of audio, and looks at the waveform, a session of this age may have had."""
    return LOG_ENTRY_BURST + int(LOG_ENTRIES_PER_SECOND * max(0.0, age.total_seconds()))


def standing(session: Session, link: Link, recording: Recording, *, now: datetime) -> Standing:
    """Say how a session stands. A session whose time is over learns nothing of what came after."""
    if session.ends_at <= now:
        return "ended"
    if recording.state is not State.AVAILABLE:
        # The only arrow that leaves this state is erasure.
        return "erased"
    if recording.restricted:
        return "restricted"
    return "open" if link.revoked_at is None else "revoked"


def may_open(networks: Sequence[str], address: str | None) -> bool:
    """Say whether a client at ``address`` is inside the link's networks."""
    if not networks:
        return True
    if address is None:
        return False
    try:
        client = ip_address(address)
    except ValueError:
        return False
    if isinstance(client, IPv6Address) and client.ipv4_mapped is not None:
        # A socket for both families shows its IPv4 clients so; they are inside the same networks.
        client = client.ipv4_mapped
    return any(client in ip_network(network) for network in networks)


def windows(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut [start, end) into grant windows that double from FIRST_WINDOW to LARGEST_WINDOW.

    Each stops at a multiple of FIRST_WINDOW, which is the length of a sealed frame: so a range that
    begins inside a frame reads that frame once, and not again at every seam.
    """
    length = FIRST_WINDOW
    while start < end:
        stop = min(end, (start + length) // FIRST_WINDOW * FIRST_WINDOW)
        yield start, stop
        start, length = stop, min(MAX_WINDOW, length * 2)
