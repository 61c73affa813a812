"""Systems to which the example account hands its calls over: one works, one asks a person, one refuses its key."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import update

from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.database.schema.handover import integrations
from vault.database.transaction import Transaction
from vault.domain.handover.handover import StoredHandover
from vault.domain.ids import new_id
from vault.services.handover.stored_integration import HandoverSecrets, KnownContact, seal_handover

_CLAUSES: Final = {"country": "US", "safeguard": "standard_clauses"}
_SYSTEMS: Final[Mapping[str, dict[str, Any]]] = {
    "hubspot": _CLAUSES | {"key": "pat-na1-0000-0000", "recipient": "HubSpot, Inc.", "description": "Sales"},
    "slack": _CLAUSES
    | {
        "key": "xoxb-000000000000",
        "settings": {"channel": "C0123456789"},
        "recipient": "Slack Technologies, LLC",
        "description": "Channel of the workshop",
    },
    "pipedrive": {
        "key": "0123456789abcdef",
        "settings": {"company": "harbourcycles"},
        "recipient": "Pipedrive OÜ",
        "country": "EE",
    },
}
#: Call, system, what should stand there, state, cause and residue.
_STANDS: Final = (
    ("call-20417", "hubspot", "present", "held", "several_contacts", ()),
    ("call-20409", "hubspot", "present", "present", None, ()),
    ("call-20391", "hubspot", "present", "present", None, ()),
    ("call-20384", "hubspot", "restricted", "restricted", None, ()),
    ("call-20352", "hubspot", "present", "unmatched", "no_contact", ()),
    ("call-20331", "hubspot", "present", "held", "refused", ()),
    ("call-20319", "hubspot", "absent", "absent", None, ("edit_history", "recycle_bin")),
    ("call-20391", "slack", "present", "present", None, ()),
    ("call-20319", "pipedrive", "absent", "present", None, ()),
)
_CONTACTS: Final = (
    KnownContact(kind="contact", id="90312244", name="Amara Okafor"),
    KnownContact(kind="contact", id="90318801", name="Okafor Bikes, front desk"),
    KnownContact(kind="account", id="77120035", name=None),
)


def add_app(tenant: Tenant) -> str:
    """Activate a system that nobody has authorized yet; return its id."""
    said = _CLAUSES | {
        "system": "zendesk",
        "client": {"id": "callvault_harbour", "secret": "zd-secret-0000"},
        "settings": {"subdomain": "harbourcycles"},
        "recipient": "Zendesk, Inc.",
    }
    answer = tenant.http.post(tenant.url("/integrations"), json=said)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def add_systems(house: House, tenant: Tenant, recordings: Mapping[str, str]) -> dict[str, str]:
    """Activate three systems, and let calls stand there; return the ids by their names."""
    made: dict[str, str] = {}
    for name, said in _SYSTEMS.items():
        answer = tenant.http.post(tenant.url("/integrations"), json={"system": name} | said)
        assert answer.status_code == 201, answer.text
        made[name] = answer.json()["id"]
    assert tenant.http.post(tenant.url(f"/integrations/{made['slack']}/pause")).is_success
    now = datetime.now(UTC)
    data_keys = house.vault.handover.handovers.data_keys
    asked = house.call(seal_handover, data_keys, tenant.id, HandoverSecrets(candidates=_CONTACTS))

    def write(tx: Transaction) -> None:
        for system, columns in (
            ("hubspot", {"succeeded_at": now - timedelta(minutes=4)}),
            ("slack", {"succeeded_at": now - timedelta(days=2)}),
            (
                "pipedrive",
                {"succeeded_at": now - timedelta(days=3), "unauthorized_since": now - timedelta(days=1)},
            ),
        ):
            which = update(integrations).where(integrations.c.id == made[system])
            tx.connection.execute(which.values(columns))
        tx.handovers.add(
            [
                StoredHandover(
                    id=new_id("hnd"), account_id=tenant.id, integration_id=made[system],
                    recording_id=recordings[call], desired=desired, state=state, cause=cause,  # type: ignore[arg-type]
                    created_at=now - timedelta(hours=place), changed_at=now - timedelta(minutes=9 + 47 * place),
                    residue=residue, sealed=asked if cause == "several_contacts" else None,
                )
                for place, (call, system, desired, state, cause, residue) in enumerate(_STANDS)
            ]
        )  # fmt: skip

    house.call(house.vault.database.write, write)
    return made
