"""Every error the vault raises on purpose, in one tree that knows no HTTP.

    VaultError
    ├── NotFound            there is no such thing for this caller
    │   └── RecordingErased there was, and it was erased on purpose
    ├── Invalid             what the caller sent cannot be meant; names the field
    ├── Refused             a rule says no, with its reasons
    │   └── Busy            the same thing is being done right now; try again later
    ├── Forbidden           known caller, but without the scope
    ├── NotAuthentic        a signature, key or token does not prove its bearer
    ├── NotSatisfiable      a range outside the audio
    ├── TooLarge            more than the limit
    ├── TooMany             more often than the limit
    ├── Tampered            stored bytes are not what was sealed
    ├── Undecodable         the bytes are not audio that can be played
    ├── DescriberCrashed    the describer died or ran out of its limits
    ├── FetchFailed         a provider's media did not arrive
    ├── LeaseLost           somebody else holds the row now
    ├── Unavailable         a part that is needed does not answer; what to do is to try again
    │   ├── RecordingMissing  the object store has lost a recording's audio; it plays when it is put back
    │   ├── DatabaseUnfit   the database answers, and must not be used as it is
    │   ├── OwnKeyUnusable  an account's own key cannot be used; the vault itself is well
    │   └── KeyRetired      it was sealed under a version of the account's key that is no longer current
    └── StartRefused        starting would endanger data; the operator must decide

Verification raises one of these; it never returns False. ``web/http/problems.py`` holds the only table
from these to HTTP status codes.
"""

from collections.abc import Sequence
from typing import Literal

#: The part that did not answer, or ``workflows`` for a limit of the vault's own: a label of a metric
#: that alerts may use, so a value never changes.
Cause = Literal["database", "objects", "keyservice", "audio", "workflows"]


class VaultError(Exception):
    """The root of the tree. The message is safe to show to the caller."""


class NotFound(VaultError):
    """There is no such thing, or it belongs to another account: the two are never told apart."""


class RecordingErased(NotFound):
    """The recording was erased; its tombstone says when."""


class Invalid(VaultError):
    """What was sent cannot be meant. ``field`` names the part that is wrong."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        """Keep the name of the wrong field beside the sentence about it."""
        super().__init__(message)
        self.field = field


class Refused(VaultError):
    """A rule says no. ``reasons`` are codes from ``domain/consent/decision.py``."""

    def __init__(self, message: str, *, reasons: Sequence[str] = ()) -> None:
        """Keep the codes of all rules that said no."""
        super().__init__(message)
        self.reasons = tuple(reasons)


class Busy(Refused):
    """The same thing is under way. ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        """Keep the seconds after which trying again makes sense."""
        super().__init__(message, reasons=("busy",))
        self.retry_after = retry_after


class Forbidden(VaultError):
    """The key is good, but it does not carry the scope."""


class NotAuthentic(VaultError):
    """A signature, key or token does not prove its bearer. The message says nothing about why.

    ``failed`` names the check, for the operator's log alone: headers, clock, body or signature.
    """

    def __init__(self, message: str, *, failed: str = "signature") -> None:
        """Keep the check beside the sentence that everybody may read."""
        super().__init__(message)
        self.failed = failed


class NotSatisfiable(VaultError):
    """A range lies outside. ``size`` is the number of bytes that there are."""

    def __init__(self, size: int) -> None:
        """Keep the size, which the answer must name (RFC 9110, section 15.5.17)."""
        super().__init__(f"The range lies outside the {size} bytes of the audio.")
        self.size = size


class TooLarge(VaultError):
    """More bytes, or more of anything, than the limit in the message."""


class TooMany(VaultError):
    """More often than the limit allows. ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        """Keep the seconds after which trying again makes sense."""
        super().__init__(message)
        self.retry_after = retry_after


class Tampered(VaultError):
    """Stored bytes are not what was sealed. The message never reaches a caller."""


class Undecodable(VaultError):
    """The bytes are not audio that can be played. The message is the reason kept in the row."""


class DescriberCrashed(VaultError):
    """The describer died, or ran into its limit of time, memory or output.

    ``decoded`` is true where samples were decoded before it died: the file holds audio.
    """

    def __init__(self, message: str, *, decoded: bool = False) -> None:
        """Keep whether samples were decoded beside the sentence."""
        super().__init__(message)
        self.decoded = decoded


class FetchFailed(VaultError):
    """A provider's media did not arrive. ``final`` means that trying again cannot help."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        """Keep a reason without the URL, for it goes into the row and the log."""
        super().__init__(reason)
        self.final = final


class LeaseLost(VaultError):
    """A compare-and-set on state and lease token changed no row: the work belongs to another."""


class Unavailable(VaultError):
    """A part that is needed does not answer; trying again is safe. ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, retry_after: int = 5, cause: Cause = "workflows") -> None:
        """Keep the seconds after which trying again makes sense, and the part."""
        super().__init__(message)
        self.retry_after = retry_after
        self.cause: Cause = cause


class RecordingMissing(Unavailable):
    """The object store does not have the audio of a recording that is available. ``reasons`` is its code."""

    reasons = ("recording_missing",)

    def __init__(self) -> None:
        """Say what is wrong and who can do what about it."""
        super().__init__(
            "The audio of this recording is missing from the object store. The operator is told, and can put "
            "it back from a replica or an older version of the bucket; it plays again then.",
            retry_after=60,
            cause="objects",
        )


class DatabaseUnfit(Unavailable):
    """The database answers, but what the vault promises cannot rest on it. The message is what /readyz says.

    ``kind`` is standby, read_only, fsync or pooler.
    """

    def __init__(self, kind: str, message: str) -> None:
        """Keep what is wrong with it beside the sentence."""
        super().__init__(message, cause="database")
        self.kind = kind

    @classmethod
    def standby(cls) -> "DatabaseUnfit":
        """Return the error for a server in recovery."""
        return cls("standby", "This is a read-only standby.")

    @classmethod
    def read_only(cls) -> "DatabaseUnfit":
        """Return the error for a role, database or server whose transactions are read-only by default."""
        return cls("read_only", "The database takes no writes: default_transaction_read_only is on.")

    @classmethod
    def without_fsync(cls) -> "DatabaseUnfit":
        """Return the error for a server that does not wait for its disk."""
        return cls("fsync", "The database runs with fsync off: what it acknowledges can be lost.")

    @classmethod
    def behind_pooler(cls) -> "DatabaseUnfit":
        """Return the error for a connection that another program answers for the server."""
        return cls("pooler", "A connection pooler stands before the database.")


class OwnKeyUnusable(Unavailable):
    """An account's own key cannot be used: its owner took it away, or its service does not answer."""

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        """Keep the seconds after which trying again makes sense."""
        super().__init__(message, retry_after=retry_after, cause="keyservice")


class KeyRetired(Unavailable):
    """The account's key was rotated between sealing and writing. Sealed anew, it can be written at once."""

    def __init__(self) -> None:
        """Tell a caller to whom this comes out to try again."""
        super().__init__("The account's key was rotated at this moment.", retry_after=1, cause="database")


class StartRefused(VaultError):
    """Starting would endanger data. The message says what is wrong and what to do next."""
