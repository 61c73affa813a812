"""The pictures of the documentation: none is missing or left over, each is small, and the page shows them all."""

from pathlib import Path

from tests.support.console_album import NAMES
from tests.support.picture_page import CAPTIONS, file_names, written

DOCS = Path(__file__).parents[1] / "docs"
#: Bytes of a picture, on average.
MOST_BYTES = 14_000


def test_every_page_has_its_pictures() -> None:
    """What Chromium opens and checks has a caption and four files; together they stay small."""
    assert {name for captions in CAPTIONS.values() for name in captions} == set(NAMES)
    files = {path.name: path.stat().st_size for path in (DOCS / "pictures").iterdir()}
    assert set(files) == file_names()
    assert sum(files.values()) < MOST_BYTES * len(files)


def test_the_page_is_the_one_that_the_command_writes() -> None:
    """`make pictures` writes the page with the pictures."""
    assert (DOCS / "console-pages.md").read_text("utf-8") == written()
