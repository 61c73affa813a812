"""An error names the field, and never repeats a value that was sent (docs/errors.md)."""

import pytest

from tests.support.register_entries import field_of
from tests.support.tenant import Tenant

LEAK = "ZZ-LEAK"
OVERRIDE = {"consent": "one", "reason": "counsel"}
CLASS = {"class": "quality", "purpose": "Train", "from": "call_end", "period": "P1Y", "at_end": "erase"}
DECISION = {"applies": "minimum", "reason": "counsel"}
POLICY = {"time_zone": "Europe/Paris", "waiting_days": 7, "decisions": []}


@pytest.mark.parametrize(
    ("path", "said", "field"),
    [
        ("consent-policy", {"home_place": LEAK}, "home_place"),
        (
            "consent-policy",
            {"overrides": [OVERRIDE | {"place": "FR"}, OVERRIDE | {"place": LEAK}]},
            "overrides.1.place",
        ),
        (
            "retention-policy",
            POLICY
            | {
                "classes": [CLASS],
                "decisions": [DECISION | {"minimum_of": "quality", "maximum_of": "zz-leak"}],
            },
            "decisions.0",
        ),
        (
            "retention-policy",
            POLICY
            | {
                "classes": [CLASS],
                "decisions": [DECISION | {"minimum_of": "quality", "maximum_of": "quality"}],
            },
            "decisions.0",
        ),
        (
            "retention-policy",
            POLICY | {"classes": [CLASS, CLASS | {"class": "zz-leak", "purpose": " "}]},
            "classes.1.purpose",
        ),
        (
            "retention-policy",
            POLICY | {"classes": [CLASS | {"class": "zz-leak", "from": "contact_ended"}]},
            "classes.0.maximum",
        ),
    ],
)
def test_a_refused_value_is_not_repeated(tenant: Tenant, path: str, said: dict[str, object], field: str):
    """Its field has the place of the entry in its list."""
    method = "PATCH" if path == "consent-policy" else "PUT"
    refused = tenant.http.request(method, tenant.url(f"/{path}"), json=said)
    assert field_of(refused) == field
    assert "leak" not in refused.text.lower()
    assert "quality" not in refused.text
