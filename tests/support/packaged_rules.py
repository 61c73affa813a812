"""The rule book as it is packaged."""

from pathlib import Path

import vault
from vault.domain.legal_rules.rule import RuleBook
from vault.domain.legal_rules.rule_book_loader import parse

FOLDER = Path(vault.__file__).parent / "domain" / "rule_book"


def packaged() -> RuleBook:
    """Read every file of the folder."""
    return parse([file.read_text("utf-8") for file in sorted(FOLDER.glob("*.toml"))])
