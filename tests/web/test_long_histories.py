"""What listeners caused may be much: it is told and written out beside the event loop, which serves others."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.domain.audit_log.history import write_history
from vault.web.schemas.access_log import EventsOut, HistoryOut


def test_long_answers_are_made_beside_the_loop(
    house: House, shared: tuple[Tenant, str], monkeypatch: pytest.MonkeyPatch
):
    """Neither the history nor the JSON of a history or of a page of events is made in the loop's thread."""
    tenant, recording = shared
    seen: dict[str, str] = {}

    def noting(name: str, made: Callable[..., Any]) -> Callable[..., Any]:
        def note(*arguments: Any, **named: Any) -> Any:
            seen[name] = threading.current_thread().name
            return made(*arguments, **named)

        return note

    monkeypatch.setattr(
        "vault.services.audit_log.access_log.write_history", noting("write_history", write_history)
    )
    for shape in (HistoryOut, EventsOut):
        noted = noting(shape.__name__, shape)
        monkeypatch.setattr(f"vault.web.routes.access_events.{shape.__name__}", noted)
    assert house.admin.get(tenant.url(f"/recordings/{recording}/history")).json()["items"]
    assert house.admin.get(tenant.url("/access-events")).json()["items"]
    assert set(seen) == {"write_history", "HistoryOut", "EventsOut"}
    # The app's loop runs in a thread of this name.
    assert "app" not in seen.values()
