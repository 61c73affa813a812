"""Writes ``openapi/openapi.yaml`` from the app; with ``--check`` says whether it is what the app is.

The committed file is the contract: a change of the interface shows in its diff, and nowhere else first.
"""

import json
import sys
from pathlib import Path

import yaml

from vault.composition.adapters import utc_now
from vault.web.app import PublicUrl, build

CONTRACT = Path(__file__).with_name("openapi.yaml")


def contract() -> str:
    """Return the contract of the app as it is now."""
    app = build(PublicUrl(public_url="https://vault.example"), utc_now)
    # Through JSON, so that what routes share is written out each time and not as YAML aliases.
    document = json.loads(json.dumps(app.openapi()))
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


def main(arguments: list[str]) -> int:
    """Write the file, or compare it. Returns the exit status."""
    if "--check" not in arguments:
        CONTRACT.write_text(contract())
        return 0
    if CONTRACT.exists() and CONTRACT.read_text() == contract():
        return 0
    sys.stderr.write(
        "openapi/openapi.yaml is not what the app is: run `make openapi`, and read the difference.\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
