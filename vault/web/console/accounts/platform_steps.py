"""The settings to enter at a platform, as a page of a connection shows them: names and texts in its language."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vault.web.http.translations import translatable, translated

#: Settings by the names that REST gives them. Any other name is the platform's own, and stays as it is.
_NAMES: Final[Mapping[str, str]] = translatable(
    {
        "url": "URL",
        "method": "Method",
        "events": "Events",
        "call_start": "Call start",
        "enter_at": "Where to enter it",
        "signature": "Signature",
        "retries": "Retries",
        "recording": "Recording",
        "delete_at_source": "Deletion at the platform",
        "content_type": "Content type",
        "recording_url": "URL of a recording",
        "example": "Example",
        "token": "Token",
        "webhook_api_version": "Version of the webhook API",
        "public_key": "Public key",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A setting: its name in the language of the page, and the texts of its value."""

    #: The names of the groups that it is in, each with a colon.
    within: str
    name: str
    #: Whether the name is the platform's own.
    is_code: bool
    #: Sentences of a service, or names and addresses, which have no spaces.
    texts: tuple[str, ...]
    #: JSON to show as it is; then there are no texts.
    example: str | None = None


def steps_of(setup: Mapping[str, object], within: str = "") -> list[Step]:
    """Return the settings of an adapter; those of a group have its name before theirs."""
    steps: list[Step] = []
    for name, value in setup.items():
        words = translated(_NAMES.get(name, name))
        if name == "example":
            shown = json.dumps(value, indent=2)
            steps.append(Step(within=within, name=words, is_code=False, texts=(), example=shown))
        elif isinstance(value, Mapping):
            steps += steps_of(value, f"{within}{words}: ")
        else:
            texts = tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)
            steps.append(Step(within=within, name=words, is_code=name not in _NAMES, texts=texts))
    return steps
