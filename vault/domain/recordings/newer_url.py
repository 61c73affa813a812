"""The mark of a recording whose platform announced a URL that no attempt has fetched yet.

It stands among the reasons of a row that has not arrived: if the attempt that runs fails, the URL is fetched, where the
recording would otherwise fail for good.
"""

from typing import Final

from vault.domain.reason import Reason
from vault.domain.recordings.recording import Recording

NEWER_URL: Final = Reason(
    code="newer_url", text="The URL that was announced last is not fetched yet; it is fetched next."
)


def has_newer_url(recording: Recording) -> bool:
    """Return whether the recording has the mark."""
    return any(reason.code == NEWER_URL.code for reason in recording.reasons)
