"""What the stored answer to a request with an Idempotency-Key shows, with which it is erased."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSubject:
    """What a response shows: an account, and a recording or a call of it."""

    account_id: str
    recording_id: str | None = None
    call_ref: str | None = None
