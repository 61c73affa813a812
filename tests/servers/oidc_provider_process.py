"""A real OpenID provider in a process of its own: ``oidc-provider`` of npm, on loopback."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers.required import go_without, require

_FOLDER = Path(__file__).parent / "oidc_provider"


def require_oidc_provider() -> None:
    """Skip, with the remedy, where it is not installed."""
    require("node", install="apt-get install nodejs npm")
    if not (_FOLDER / "node_modules" / "oidc-provider").is_dir():
        go_without("needs Node.js 20 and oidc-provider: make client-tools")


@contextmanager
def oidc_provider(
    port: int, client: Mapping[str, str], names: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Serve a provider with one client, whose people have names by their login; yield its issuer."""
    process = subprocess.Popen(
        ("node", str(_FOLDER / "server.mjs"), str(port), json.dumps({**client, "names": dict(names or {})})),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "ready":
                break
        else:
            raise AssertionError(process.communicate()[1])
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=10)
