"""Resolvers and dialers that tests put under the fetcher."""

from collections.abc import Iterable, Sequence

import httpcore

from vault.telephony.http.checked_network import resolve


class ScriptedResolver:
    """Answers from a script: one list of addresses per question, the last one for ever."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        """Take host names, with dots written as two underscores."""
        self.answers = {name.replace("__", "."): list(lists) for name, lists in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Answer a scripted name, and give every other one to the system, as a numeric host would go."""
        self.asked.append(host)
        lists = self.answers.get(host)
        if lists is None:
            return await resolve(host, port)
        return lists.pop(0) if len(lists) > 1 else lists[0]


class Diversion(httpcore.AsyncNetworkBackend):
    """Notes every address that is dialled and connects to one port of loopback instead."""

    def __init__(self, port: int, *, refusing: Iterable[str] = ()) -> None:
        """Refuse connections to some addresses, as a closed port does."""
        self.port = port
        self.refusing = frozenset(refusing)
        self.dialled: list[str] = []

    async def connect_tcp(self, host, _port, timeout=None, **_options):  # noqa: ASYNC109 - httpcore's signature
        """Connect to loopback, whatever the address."""
        self.dialled.append(host)
        if host in self.refusing:
            raise httpcore.ConnectError("refused")
        return await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", self.port, timeout)
