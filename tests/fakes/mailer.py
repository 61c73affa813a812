"""A mail server in memory, which keeps what it is sent, and answers as told."""

from dataclasses import dataclass, field

from vault.domain.outbox.mail import Mail
from vault.errors import VaultError


@dataclass
class FakeMailer:
    """Takes every mail, unless it is told another answer."""

    #: Codes and errors in the order in which they are given; then 250.
    answers: list[int | VaultError] = field(default_factory=list)
    sent: list[Mail] = field(default_factory=list)
    is_set: bool = True

    async def send(self, mail: Mail) -> int:
        """Answer as told."""
        self.sent.append(mail)
        answer = self.answers.pop(0) if self.answers else 250
        if isinstance(answer, VaultError):
            raise answer
        return answer
