"""The last address of each session that this process has seen: a change is logged, and a refusal not too often.

Kept in memory. A node that has not seen a session before logs the address of its first grant there, too.
"""

from dataclasses import dataclass, field
from typing import Final

#: Sessions remembered; the one that was seen first is forgotten first.
_MAX_SESSIONS: Final = 10_000
#: Refusals of one session that are logged, each from another address than the one before it.
MAX_DENIALS: Final = 20


@dataclass(slots=True)
class _Seen:
    address: str | None
    denied_at: str | None = None
    denials: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAddresses:
    """The addresses of sessions."""

    _seen: dict[str, _Seen] = field(default_factory=dict, init=False)

    def note(self, session_id: str, address: str | None) -> None:
        """Remember the address that the log has now."""
        self._of(session_id).address = address

    def is_new(self, session_id: str, address: str | None) -> bool:
        """Return whether a grant should say the address: it is not the one of the opening, or of the last grant."""
        known = self._seen.get(session_id)
        return address is not None and (known is None or known.address != address)

    def is_denial_to_log(self, session_id: str, address: str | None) -> bool:
        """Count a refusal; return whether it is logged: one for each address in turn, MAX_DENIALS in all."""
        seen, shown = self._of(session_id), address or ""
        if seen.denied_at == shown or seen.denials >= MAX_DENIALS:
            return False
        seen.denied_at, seen.denials = shown, seen.denials + 1
        return True

    def _of(self, session_id: str) -> _Seen:
        found = self._seen.get(session_id)
        if found is None:
            while len(self._seen) >= _MAX_SESSIONS:
                del self._seen[next(iter(self._seen))]
            found = self._seen[session_id] = _Seen(address=None)
        return found
