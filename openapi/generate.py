"""Writes ``openapi.yaml`` and ``asyncapi.yaml`` from the app; with ``--check`` says whether they are what the app is.

The committed files are the contract: a change of the interface shows in their diff, and nowhere else first.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from vault.composition.adapters import utc_now
from vault.domain.events.event_schemas import asyncapi
from vault.web.app import Hosting, build

_FOLDER = Path(__file__).parent
CONTRACT = _FOLDER / "openapi.yaml"
EVENTS = _FOLDER / "asyncapi.yaml"


def contracts() -> Mapping[Path, str]:
    """Return the contract of REST and that of events, as the app is now."""
    app = build(Hosting(public_url="https://vault.example"), utc_now)
    return {CONTRACT: _written(app.openapi()), EVENTS: _written(asyncapi())}


def _written(document: Mapping[str, Any]) -> str:
    # Through JSON, so that what routes share is written out each time and not as YAML aliases.
    document = json.loads(json.dumps(document))
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


def main(arguments: list[str]) -> int:
    """Write the files, or compare them. Returns the exit status."""
    wrong = 0
    for path, text in contracts().items():
        if "--check" not in arguments:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            sys.stderr.write(
                f"openapi/{path.name} is not what the app is: run `make openapi`, and read the difference.\n"
            )
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
