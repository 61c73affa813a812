"""The default texts of notices as they are packaged."""

from pathlib import Path

import vault
from vault.domain.notices.default_texts import NoticeTexts, parse_default_texts

FOLDER = Path(vault.__file__).parent / "domain" / "notice_texts"


def packaged_texts() -> NoticeTexts:
    """Read every file of the folder."""
    read = [parse_default_texts(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.toml"))]
    return NoticeTexts(languages={texts.language: texts for texts in read})
