"""The client process: does what it is asked against a server on loopback and says how long it took."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from bench.client_calls import calls
from bench.client_http import first_byte, piece, play, seek, upload
from bench.client_listeners import listeners
from bench.client_opens import forged, opens
from bench.client_webhooks import become, webhooks

_DEEDS: Mapping[str, Callable[..., Mapping[str, Any]]] = {
    "become": become,
    "webhooks": webhooks,
    "upload": upload,
    "seek": seek,
    "play": play,
    "piece": piece,
    "first byte": first_byte,
    "calls": calls,
    "opens": opens,
    "forged": forged,
    "listeners": listeners,
}


def main() -> None:
    """Answer questions until there are no more."""
    for line in sys.stdin.buffer:
        question = json.loads(line)
        answer = _DEEDS[question.pop("do")](**question)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
