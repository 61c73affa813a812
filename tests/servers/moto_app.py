"""moto's server, with conditional writes one after another: its own check and write are two steps.

Started as ``python -m tests.servers.moto_app PORT``. Without the lock, two of eight PUTs with ``If-None-Match: *`` that
arrive together may both be taken, which S3 never does.
"""

import sys
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.server import MotoRequestHandler
from werkzeug.serving import run_simple

_CONDITIONAL = Lock()


def main() -> None:
    """Serve on loopback until the process is ended."""
    moto = DomainDispatcherApplication(create_backend_app)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if "HTTP_IF_NONE_MATCH" not in environ:
            return moto(environ, start_response)
        with _CONDITIONAL:
            return moto(environ, start_response)

    run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main()
