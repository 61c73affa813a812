"""The mail server of the operator, by which the vault sends mail."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from vault.domain.outbox.mail import Mail

#: Sends a mail, as ``Mailer.send`` does.
SendMail = Callable[[Mail], Awaitable[int]]


class Mailer(Protocol):
    """Sends mail by an encrypted connection alone."""

    @property
    def is_set(self) -> bool:
        """Return whether the operator has set a mail server."""

    async def send(self, mail: Mail) -> int:
        """Return the code with which the server answered to the address or the mail, after 20 seconds at most.

        Raises Unavailable if the server cannot be used, as without TLS or with a wrong password, and FetchFailed if the
        mail may have arrived.
        """
