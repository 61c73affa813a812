"""The page of uploads says which audio is accepted."""

from pathlib import Path

from vault.audio.codecs import CONTAINERS, SAMPLE_RATES
from vault.domain.recordings.media import MAX_DURATION

PAGE = Path(__file__).parents[2] / "docs" / "upload-a-recording.md"


def test_the_page_of_uploads_has_the_accepted_rates_and_formats():
    """Those of the code: a file outside them ends as failed, after it was stored."""
    (accepted,) = (part for part in PAGE.read_text().split("\n\n") if part.startswith("Accepted are"))
    words = accepted.lower()
    assert f"{SAMPLE_RATES.start:,} to {SAMPLE_RATES.stop - 1:,} hz" in words
    assert f"up to {MAX_DURATION // 3600} hours" in words
    names = {"mov": "mp4"}
    assert {name for name in CONTAINERS if names.get(name, name) not in words} == set()
