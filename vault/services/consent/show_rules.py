"""Show the shipped rule book: the recording rules by place."""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.domain.legal_rules.rule import Rule, RuleBook
from vault.domain.legal_rules.rule_book_loader import read_place
from vault.errors import Invalid, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Show the shipped rules, without any account's overrides."""

    rule_book: RuleBook

    @property
    def version(self) -> str:
        """Return the version of the rule book."""
        return self.rule_book.version

    async def find(self, place: str) -> Rule:
        """Return the rule of a place, or the strict default rule. Raises NotFound for a malformed place."""
        try:
            return self.rule_book.of(read_place(place))
        except Invalid as error:
            raise NotFound(str(error)) from error

    async def list(self) -> Sequence[Rule]:
        """Return the default rule, then all rules ordered by place."""
        return (self.rule_book.unknown, *self.rule_book.rules.values())
