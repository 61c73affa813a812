"""What a kind of message is. The outbox does the rest: claims, retries, permission, the log, the end with the subject.

What makes a message due puts it beside its cause, in the same transaction (``tx.outbox.put``). A kind holds no client:
it can send only with the permission that the outbox gives it after it has read the subject again.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from vault.backoff import Backoff
from vault.database.transaction import Transaction
from vault.domain.outbox.attempt import Attempt
from vault.domain.outbox.message import Message, SendingRules, Standing
from vault.errors import FetchFailed
from vault.ports.mail import SendMail
from vault.ports.outside import Post, SendRequest

#: The receiver of a kind as its rows have it, and as it is used, with its secrets.
Stored = TypeVar("Stored")
Receiver = TypeVar("Receiver")
R = TypeVar("R")


class PermissionTooOld(FetchFailed):
    """Nothing was sent: since the permission was given, the subject may have been erased."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("The vault could not send it in time. It tries again.", final=True)


class Renewal(Protocol):
    """Gives a permission again."""

    async def __call__(self, work: Callable[[Transaction, Standing], R]) -> R:
        """Return what ``work`` returns, in a transaction in which the message is still the worker's.

        In it the standing of its subject was read again. From then on ``post`` and ``request`` send for as long as at
        first. Raises PermissionTooOld if the message was deleted, or its rules do not send it any more.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """To send one message now: it is under a lease, and its rules permit it as its subject stands."""

    message: Message
    standing: Standing
    #: Raises FetchFailed, ``final`` or ``unsent`` if nothing was sent, and PermissionTooOld.
    post: Post
    #: Returns the code of the mail server. Raises Unavailable, PermissionTooOld, FetchFailed if it may have arrived.
    mail: SendMail
    #: The same for a kind whose message takes several requests.
    request: SendRequest
    #: Give the permission again before the next request: see ``Renewal``.
    renew: Renewal


class OutboxKind(ABC, Generic[Stored, Receiver]):
    """One kind of message."""

    __slots__ = ()
    #: The name of its folder, and the first part of its destinations.
    name: ClassVar[str]
    #: The waits between two attempts, and after how many the message is given up; None: with its destination alone.
    backoff: ClassVar[Backoff]
    max_attempts: ClassVar[int | None]
    #: Whether a destination that fails for five days is switched off, and what waits for it is dropped.
    gives_up: ClassVar[bool] = True

    @abstractmethod
    def rules(self, message: Message) -> SendingRules:
        """Return what to do with a message where the switch, an erasure, a restriction or a hold stands against it."""

    @abstractmethod
    def read(self, tx: Transaction, account_id: str, destination: str) -> Stored | None:
        """Return who receives the messages of a turn now, read in the transaction that permits them; None: nobody."""

    @abstractmethod
    async def open(self, stored: Stored) -> Receiver:
        """Open the receiver's URL and secrets, for one turn. Raises VaultErrors, such as Unavailable and Tampered."""

    @abstractmethod
    async def send(self, receiver: Receiver, permission: Permission) -> Attempt:
        """Send what the message says, by the state of this moment, and say what the answer means.

        Raises FetchFailed of the client, and other VaultErrors for what the vault itself cannot do now.
        """

    def wait(self, receiver: Receiver, message: Message) -> timedelta | None:  # noqa: ARG002 - the default
        """Return how long no message like this one begins, by what the receiver has answered in this turn.

        Default: None, the next one begins now.
        """
        return None

    @abstractmethod
    def note(self, tx: Transaction, message: Message, attempt: Attempt) -> None:
        """Note in the kind's own rows how an attempt ended; in the transaction in which the outbox does."""

    @abstractmethod
    async def take_back(self, message: Message) -> None:
        """Undo what may have arrived of a message that was deleted, with its subject, while it was sent."""

    @abstractmethod
    def count(self, result: str) -> None:
        """Count an attempt after it was noted: accepted, superseded, failed or given_up; the outbox counts it too."""


#: One of any kind.
AnyKind = OutboxKind[Any, Any]
