"""Concurrent clients that repeat what they do until they are stopped."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Crowd:
    """Clients, each in a thread of its own."""

    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def add(self, name: str, deed: Callable[[], float]) -> None:
        """Start a client that repeats ``deed``, which returns the seconds until the next time."""
        thread = threading.Thread(target=self._repeat, args=(deed,), name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def stop(self) -> None:
        """End, when everybody has the answer that he waits for."""
        self._stop.set()
        for thread in self._threads:
            thread.join(120)

    def _repeat(self, deed: Callable[[], float]) -> None:
        while not self._stop.is_set():
            self._stop.wait(deed())
