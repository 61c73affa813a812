"""The responses stored for idempotency keys, which are erased with the recording or the call that they show."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection as DbConnection
from sqlalchemy import delete, select, tuple_

from vault.database.schema.accounts import api_keys, kept_answers
from vault.database.sql.dialect import insert_new
from vault.database.stores.rows import Rows
from vault.domain.accounts.account import AnswerSubject
from vault.errors import Busy

#: Prefix of the names of leases on idempotent requests in progress.
ANSWER_LEASES: Final = "answer/"

# Max deletions in one transaction, so that it does not delay other writers.
_BATCH_SIZE = 1000
_K = kept_answers.c


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """The stored response of a request with an Idempotency-Key."""

    fingerprint: bytes
    status: int
    body: bytes


class StoredAnswerRows(Rows):
    """The stored responses of idempotent requests."""

    def get(self, key_id: str, idempotency_key: bytes) -> StoredAnswer | None:
        """Return the response stored for this idempotency key."""
        mine = (_K.key_id == key_id) & (_K.idempotency_key == idempotency_key)
        row = self._db.execute(select(kept_answers).where(mine)).first()
        if row is None:
            return None
        return StoredAnswer(fingerprint=row.fingerprint, status=row.status, body=row.body)

    def keep(
        self,
        key_id: str,
        idempotency_key: bytes,
        answer: StoredAnswer,
        at: datetime,
        subject: AnswerSubject | None = None,
    ) -> None:
        """Store a response. Raises Busy if another request stored one first."""
        values = {
            "key_id": key_id, "idempotency_key": idempotency_key, "fingerprint": answer.fingerprint,
            "status": answer.status, "body": answer.body, "kept_at": at,
            **({} if subject is None else asdict(subject)),
        }  # fmt: skip
        if not insert_new(self._db, kept_answers, values):
            raise Busy("A request with the same idempotency key is in progress; retry later.", retry_after=1)

    def forget_before(self, before: datetime) -> bool:
        """Delete a batch of responses older than ``before``; False if there are none."""
        old = select(_K.key_id, _K.idempotency_key).where(_K.kept_at < before).limit(_BATCH_SIZE)
        statement = delete(kept_answers).where(tuple_(_K.key_id, _K.idempotency_key).in_(old))
        return bool(self._db.execute(statement).rowcount)

    def forget_account(self, account_id: str) -> None:
        """Delete the responses that show something of an account, and those to its keys."""
        own = select(api_keys.c.id).where(api_keys.c.account_id == account_id)
        self._db.execute(delete(kept_answers).where((_K.account_id == account_id) | _K.key_id.in_(own)))


def forget_answers_on_recording(connection: DbConnection, recording_id: str) -> None:
    """Delete the responses that show a recording: its call's facts, a listener's note, the URL of a link."""
    connection.execute(delete(kept_answers).where(_K.recording_id == recording_id))


def forget_answers_on_call(connection: DbConnection, account_id: str, call_ref: str) -> None:
    """Delete the responses that show a call, or a recording of it."""
    mine = (_K.account_id == account_id) & (_K.call_ref == call_ref)
    connection.execute(delete(kept_answers).where(mine))
