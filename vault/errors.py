"""The vault's exception hierarchy, independent of HTTP.

    VaultError
    ├── NotFound            does not exist for this caller
    │   └── RecordingErased existed, and was erased on purpose
    ├── Invalid             the request is malformed; names the field
    ├── Refused             a rule forbids it; carries the reasons
    │   ├── AccountClosed   nothing more is stored for a closed account
    │   ├── Conflicting     two rules contradict each other, and a person must decide
    │   ├── Held            a hold forbids an erasure; carries the holds
    │   ├── ApprovalNeeded  a second person must approve it; carries what it would do
    │   ├── EffectChanged   an approved act would do something else now; carries that
    │   └── Busy            the same operation is in progress; retry later
    ├── AccountMoved        the account is at another vault; carries its address
    ├── Forbidden           known caller without the required scope
    ├── NotAuthentic        a signature, key or token is not valid
    ├── NotSatisfiable      a range outside the audio
    ├── TooLarge            over a size limit
    ├── TooMany             over a rate limit
    ├── Tampered            stored bytes differ from what was sealed
    ├── Undecodable         the bytes are not playable audio
    ├── DescriberCrashed    the describer died or exceeded a limit
    ├── FetchFailed         a provider's media could not be fetched
    ├── LeaseLost           another worker holds the row now
    ├── Unavailable         a dependency does not answer; retry
    │   ├── ObjectLocked    the object store keeps a version under a lock; it is deleted after that
    │   ├── RecordingMissing  the object store has lost a recording's audio; it plays again once restored
    │   ├── DatabaseUnfit   the database answers, but is not safe to use
    │   ├── OwnKeyUnusable  a customer-managed key cannot be used; the vault itself is healthy
    │   └── KeyRetired      sealed under a version of the account's key that is no longer current
    └── StartRefused        starting would endanger data; the operator must decide

Verification raises one of these; it never returns False. Only ``web/http/problems.py`` maps them to HTTP statuses.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from vault.sentence import Sentence

#: The dependency that did not answer, or ``workflows`` for a limit of the vault. Alerts use it: a value never changes.
Cause = Literal["database", "objects", "keyservice", "audio", "workflows"]


class VaultError(Exception):
    """The root of the hierarchy. The message is safe to show to the caller; ``field`` names the wrong field, if any."""

    def __init__(self, *message: object, field: str | None = None) -> None:
        """Store the message and the name of the wrong field."""
        super().__init__(*message)
        self.field = field


class NotFound(VaultError):
    """The object does not exist, or is another account's, which a caller cannot tell; ``reasons`` may say more."""

    reasons: Sequence[str] = ()


class RecordingErased(NotFound):
    """The recording was erased; its tombstone has the time."""


class Invalid(VaultError):
    """The request is malformed. ``field`` names the wrong field."""


class Refused(VaultError):
    """A rule forbids the operation. ``reasons`` are codes from ``domain/admission/decision.py``."""

    def __init__(self, message: str, *, reasons: Sequence[str] = (), field: str | None = None) -> None:
        """Store the message and the code of every rule that forbids it."""
        super().__init__(message, field=field)
        self.reasons = tuple(reasons)


class AccountClosed(Refused):
    """The account is closed, or being closed: nothing more is stored for it."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("The account is closed: nothing more is stored.", reasons=("account_closed",))


class Conflicting(Refused):
    """A minimum is longer than a maximum. ``pairs`` are the class with the minimum and the class with the maximum."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Store the pairs."""
        first, second = pairs[0]
        text = Sentence(
            "These contradict each other: the minimum of %(first)s and the maximum of %(second)s. Change one, or send "
            "a decision with a reason for each pair.",
            first=first,
            second=second,
        )
        super().__init__(text, reasons=("conflict",))
        self.pairs = tuple(pairs)


class Held(Refused):
    """A hold covers what would be erased. ``holds`` are the ids of the holds."""

    def __init__(self, holds: Sequence[str]) -> None:
        """Store the holds."""
        text = "A hold covers it, so it is not erased. Release the hold, or wait until its grace has passed."
        super().__init__(text, reasons=("held",))
        self.holds = tuple(holds)


class ApprovalNeeded(Refused):
    """The account's rule wants an approval of what would be done: ``effect`` in numbers, and the digest of the ids."""

    def __init__(self, verb: str, effect: Mapping[str, int], effect_digest: str) -> None:
        """Store the act and its effect."""
        text = "The account's rule wants a second person to approve this. Ask for it through the REST API."
        super().__init__(text, reasons=("approval_needed",))
        self.verb, self.effect, self.effect_digest = verb, dict(effect), effect_digest


class EffectChanged(Refused):
    """What was approved would do something else now, so it is asked again. ``effect``: what it would do."""

    def __init__(self, effect: Mapping[str, int], effect_digest: str) -> None:
        """Store the new effect."""
        super().__init__("What this does has changed since it was approved.", reasons=("effect_changed",))
        self.effect, self.effect_digest = dict(effect), effect_digest


class Busy(Refused):
    """The same operation is in progress. ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        """Store the message and the seconds after which to retry."""
        super().__init__(message, reasons=("busy",))
        self.retry_after = retry_after


class AccountMoved(VaultError):
    """The account is at another vault, at ``address``."""

    def __init__(self, address: str) -> None:
        """Store the public URL of the other vault."""
        super().__init__(f"This account is at another vault: send the request to {address}.")
        self.address = address


class Forbidden(VaultError):
    """The API key is valid, but lacks the required scope."""


class NotAuthentic(VaultError):
    """A signature, key or token is not valid; ``failed`` is for the log: headers, clock, body or signature."""

    def __init__(self, message: str, *, failed: str = "signature") -> None:
        """Store the public message and the name of the failed check."""
        super().__init__(message)
        self.failed = failed


class NotSatisfiable(VaultError):
    """The requested range is outside the audio. ``size`` is the audio's size in bytes."""

    def __init__(self, size: int) -> None:
        """Store the size, which the response must state (RFC 9110, section 15.5.17)."""
        super().__init__(f"The range is outside the {size} bytes of the audio.")
        self.size = size


class TooLarge(VaultError):
    """A size or a count exceeds the limit in the message."""


class TooMany(VaultError):
    """A rate limit was exceeded. ``retry_after`` is in seconds; ``limit`` is the name of an account's limit."""

    def __init__(self, message: str, *, retry_after: int, limit: str | None = None) -> None:
        """Store the message, the seconds after which to retry, and the name of the limit."""
        super().__init__(message)
        self.retry_after, self.limit = retry_after, limit


class Tampered(VaultError):
    """Stored bytes differ from what was sealed. The message never reaches a caller."""


class Undecodable(VaultError):
    """The bytes are not playable audio. The message is the reason stored in the row."""


class DescriberCrashed(VaultError):
    """The describer died, or exceeded its limit of time, memory or output. ``decoded``: the file holds audio."""

    def __init__(self, message: str, *, decoded: bool = False) -> None:
        """Store the message and whether samples were decoded."""
        super().__init__(message)
        self.decoded = decoded


class FetchFailed(VaultError):
    """A provider's media could not be fetched. ``final`` means that a retry cannot help.

    ``host_down``: the host did not answer, or with a 5xx, so what else is to be fetched from it has to wait too.
    ``unsent``: not even a part of the request was sent, as its client found; otherwise it may have arrived.
    """

    def __init__(self, reason: str, *, final: bool = False, host_down: bool = False) -> None:
        """Store the reason. It must not contain the URL: it is written to the row and the log."""
        super().__init__(reason)
        self.final, self.host_down, self.unsent = final, host_down, False


class LeaseLost(VaultError):
    """A compare-and-swap on state and lease token changed no row: another worker owns the work."""


class Unavailable(VaultError):
    """A dependency does not answer; a retry is safe. ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, retry_after: int = 5, cause: Cause = "workflows") -> None:
        """Store the message, the seconds after which to retry, and the dependency."""
        super().__init__(message)
        self.retry_after = retry_after
        self.cause: Cause = cause


class ObjectLocked(Unavailable):
    """The object store keeps one version under a lock ``until`` then; ``hold``: a legal hold, which has no end."""

    def __init__(self, *, until: datetime | None, hold: bool) -> None:
        """Store the end of the retention, and whether there is a legal hold."""
        super().__init__(
            "The object store keeps this object under a lock.", retry_after=3600, cause="objects"
        )
        self.until, self.hold = until, hold


class RecordingMissing(Unavailable):
    """The audio of an available recording is missing from the object store. ``reasons`` has its code."""

    reasons = ("recording_missing",)

    def __init__(self) -> None:
        """State the problem and the operator's remedy."""
        text = (
            "The audio of this recording is missing from the object store. The operator is alerted, and can restore "
            "it from a replica or an older version of the bucket; then it plays again."
        )
        super().__init__(text, retry_after=60, cause="objects")


class DatabaseUnfit(Unavailable):
    """The database answers, but is unfit; ``kind``: standby, read_only, fsync, schema, pooler or replaced."""

    def __init__(self, kind: str, message: str) -> None:
        """Store the message and the kind of problem."""
        super().__init__(message, cause="database")
        self.kind = kind

    @classmethod
    def standby(cls) -> "DatabaseUnfit":
        """Return the error for a PostgreSQL server in recovery."""
        return cls("standby", "This is a read-only standby.")

    @classmethod
    def read_only(cls) -> "DatabaseUnfit":
        """Return the error for a role, database or server whose transactions are read-only by default."""
        return cls("read_only", "The database takes no writes: default_transaction_read_only is on.")

    @classmethod
    def without_fsync(cls) -> "DatabaseUnfit":
        """Return the error for a server that acknowledges writes before they are on disk."""
        return cls("fsync", "The database runs with fsync off: acknowledged writes can be lost.")

    @classmethod
    def behind_pooler(cls) -> "DatabaseUnfit":
        """Return the error for a connection to a pooler instead of the server."""
        return cls("pooler", "A connection pooler stands before the database.")


class OwnKeyUnusable(Unavailable):
    """A customer-managed key cannot be used: its owner revoked it, or its key service does not answer."""

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        """Store the message and the seconds after which to retry."""
        super().__init__(message, retry_after=retry_after, cause="keyservice")


class KeyRetired(Unavailable):
    """The account's key was rotated between sealing and writing. Seal again and retry immediately."""

    def __init__(self) -> None:
        """Set the message for a caller that this error reaches."""
        super().__init__("The account's key was just rotated. Retry.", retry_after=1, cause="database")


class StartRefused(VaultError):
    """Starting would endanger data. The message states the problem and what to do."""
