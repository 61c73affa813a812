"""Free text from users, such as reasons: it is stored sealed, in text columns that once had it in plaintext."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

#: The kind of text, which is in its encryption context.
Words = Literal["switch-reason", "objection-reason", "policy-reason", "api-base", "next-url"]
#: First character of sealed text: a control character, which the REST API refuses in input.
SEALED_WORDS: Final = "\x01"
#: The metadata fact that no tombstone contains an admin's text any more.
TOMBSTONES_CLEAN: Final = "tombstones_without_words"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearWords:
    """Text that an older release stored in plaintext: a column of a row, or a whole policy."""

    what: Words
    account_id: str
    #: The row's id; for a policy, its version.
    row_id: str
    words: str


class ClearWordsStore(Protocol):
    """The rows with plaintext text."""

    def some(self) -> Sequence[ClearWords]:
        """Return a batch of one kind; empty once all are sealed."""

    def replace(self, clear: ClearWords, sealed: str) -> None:
        """Compare-and-swap the text with sealed text; a row changed meanwhile is skipped."""
