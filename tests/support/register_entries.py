"""Entries of registers, and the requests that make them."""

import httpx

from tests.support.tenant import Tenant

CONTROLLER = {"name": "Acme Limited", "address": "1 High Street\nDublin", "contact": "privacy@acme.example"}
PROFILE = {
    "controller": CONTROLLER,
    "officer": {"name": "Ada Byron", "address": "", "contact": "dpo@acme.example"},
    "purposes": [
        {"purpose": "Training of agents", "legal_basis": "consent", "explanation": ""},
        {"purpose": "Proof of orders", "legal_basis": "contract", "explanation": "Terms, section 4"},
    ],
    "persons": ["callers", "agents"],
    "data": ["voice", "telephone numbers"],
    "measures": ["door locks"],
    "requests_to": "privacy@acme.example",
    "authority": "Data Protection Commission",
}
RECIPIENT = {
    "name": "Hosting Inc",
    "address": "2 Main Street, Boston",
    "contact": "Grace Hopper",
    "role": "processor",
    "purpose": "stores recordings",
    "country": "US",
    "since": "2026-01-01",
    "covers": ["connection/main"],
}
REQUEST = {
    "received_at": "2026-03-01T09:00:00Z",
    "authority": "Public prosecutor of Lyon",
    "country": "FR",
    "kind": "warrant",
    "instrument": "No 12/2026",
    "statute": "CPP art. 60-1",
    "scope": "both",
    "numbers": ["+33123456789"],
    "due_at": "2026-03-15T00:00:00Z",
}


def recipient(tenant: Tenant, **said) -> dict:
    """Enter a recipient."""
    answer = tenant.http.post(tenant.url("/recipients"), json=RECIPIENT | said)
    assert answer.status_code == 201, answer.text
    return answer.json()


def request(tenant: Tenant, **said) -> dict:
    """Enter a request of an authority."""
    answer = tenant.http.post(tenant.url("/authority-requests"), json=REQUEST | said)
    assert answer.status_code == 201, answer.text
    return answer.json()


def field_of(answer: httpx.Response) -> str:
    """Return the first field that a 422 names."""
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    field: str = problem.get("field") or problem["errors"][0]["field"]
    return field


def record(tenant: Tenant) -> dict:
    """Return the record of processing."""
    answer = tenant.http.get(tenant.url("/processing-record"))
    assert answer.status_code == 200, answer.text
    return answer.json()


def put(tenant: Tenant, **said) -> httpx.Response:
    """Set the typed part of the record."""
    return tenant.http.put(tenant.url("/processing-record"), json=PROFILE | said)
