"""The pages of the console that Chromium opens, by the name of their screenshot."""

from typing import Final

#: Below the account; names in braces are recordings of ``tests.support.console.furnished``.
PAGES: Final = {
    "overview": "",
    "recordings": "/recordings",
    "recording": "/recordings/{kept-1}",
    "recording-restricted": "/recordings/{kept-2}",
    "recording-markup": "/recordings/{odd}",
    "evidence": "/recordings/{kept-1}/evidence",
    "quarantine": "/quarantine",
    "people": "/people",
}
