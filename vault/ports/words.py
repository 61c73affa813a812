"""Words that people typed, such as reasons: they are kept sealed in the text columns that held them in clear."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

#: What the words are; their encryption context says so.
Words = Literal["switch-reason", "objection-reason", "policy-reason", "api-base", "next-url"]
#: Sealed words begin with this control character, which no one can type: REST refuses it.
SEALED_WORDS: Final = "\x01"
#: The fact in the vault's metadata that no tombstone holds an admin's words any more.
TOMBSTONES_CLEAN: Final = "tombstones_without_words"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearWords:
    """Words that an older release kept in clear: a row with a column, or a policy as a whole."""

    what: Words
    account_id: str
    #: The row's id; of a policy, its version.
    row_id: str
    words: str


class ClearWordsStore(Protocol):
    """Where words lie in clear."""

    def some(self) -> Sequence[ClearWords]:
        """Return some of them, of one kind; none once all are sealed."""

    def replace(self, clear: ClearWords, sealed: str) -> None:
        """Put sealed words in their place; a row that was changed meanwhile stays as it is."""
