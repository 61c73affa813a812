"""Events of the access log about people who sign in."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.sign_in.connection import PersonRow, RoleMapping, account_of
from vault.services.shared.people_keys import PeopleKeys


def event_of(person: PersonRow, kind: EventType, result: str, *, actor: str, at: datetime) -> AccessEvent:
    """Return an event about a person, without personal data."""
    return AccessEvent(type=kind, at=at, account_id=account_of(person.account_id), actor=actor, result=result)


async def with_detail(keys: PeopleKeys, event: AccessEvent, detail: Mapping[str, str]) -> AccessEvent:
    """Return an event with its personal data, sealed. Raises NotFound, Unavailable."""
    return replace(event, sealed_detail=await keys.seal_detail(event.account_id or "", event.id, detail))


async def role_events(
    keys: PeopleKeys,
    person: PersonRow,
    granted: Sequence[RoleMapping],
    revoked: Sequence[str],
    *,
    actor: str,
    at: datetime,
) -> Sequence[AccessEvent]:
    """Return the events of roles that an invited person gets, and of those that are taken away, by their ids."""
    events = []
    for one in granted:
        detail = {"member": person.id, "role": one.role}
        if one.agents:
            detail["agents"] = ", ".join(one.agents)
        event = event_of(person, "role.granted", one.id, actor=actor, at=at)
        events.append(await with_detail(keys, event, detail))
    return events + [event_of(person, "role.revoked", role_id, actor=actor, at=at) for role_id in revoked]
