"""What a second person sees of each act: all that who asked has seen, in words."""

import re
from typing import Any

import pytest

from tests.support.console import form_of, key_text, sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House
from tests.web.console.test_approval_pages import COUNTS, recorded
from vault.domain.approvals.rule import VERBS, Verb
from vault.errors import ApprovalNeeded

#: By act: its subject, its arguments, and what the page says of each of them.
ASKED: dict[Verb, tuple[str, dict[str, Any], list[str]]] = {
    "hold_release": (
        "hold_0123456789abcdef",
        {"hold": "hold_0123456789abcdef"},
        ['title="hold_0123456789abcdef"'],
    ),
    "retention_cap": ("", {}, []),
    "erasure_within_minimum": (
        "rec_0123456789abcdef",
        {"recording": "rec_0123456789abcdef", "ground": "sad_found"},
        ['title="rec_0123456789abcdef"', "it has the code of a payment card"],
    ),
    "approval_rule": (
        "",
        {"enabled": True, "verbs": ["own_key"]},
        ["<dd>Change of the customer-managed key</dd>"],
    ),
    "recording_erasure": (
        "rec_0123456789abcdef",
        {"recording": "rec_0123456789abcdef"},
        ['title="rec_0123456789abcdef"'],
    ),
    "call_erasure": ("call-77", {"call": "call-77"}, ["<dd>call-77</dd>"]),
    "request_erasure": (
        "req_0123456789abcdef",
        {
            "request": "req_0123456789abcdef",
            "decision": {
                "code": "erased",
                "reason": "as she asked",
                "whole_time": True,
                "period": {"from": "2026-01-02T00:00:00Z"},
                "verdicts": {"call-9": {"code": "kept_legal_obligation", "statute": "MiFID II art. 16(7)"}},
                "informed": {"reg_0123456789abcdef": "2026-01-03T00:00:00Z"},
            },
        },
        [
            'title="req_0123456789abcdef"',
            "as she asked",
            "2026-01-02",
            "call-9",
            "MiFID II",
            "2026-01-03",
            "<dd>yes</dd>",
        ],
    ),
    "request_export": (
        "req_0123456789abcdef",
        {"request": "req_0123456789abcdef", "decision": {"code": "provided"}},
        ['title="req_0123456789abcdef"', "<dt>Decision</dt>"],
    ),
    "retention_policy": (
        "",
        {
            "policy": {
                "classes": [{"class": "quality", "purpose": "training", "period": "P6M"}],
                "time_zone": "UTC",
            }
        },
        ["quality", "training", "6 months"],
    ),
    "own_key": ("", {"key": "arn:aws:kms:eu:1:key/a"}, ["arn:aws:kms:eu:1:key/a"]),
    "account_closure": (
        "",
        {"reason": "moved away", "export": True},
        ["moved away", "<dt>Export</dt><dd>yes</dd>"],
    ),
    "sign_in_connection": (
        "entra",
        {
            "name": "entra",
            "sealed_secret": "sealed:c2VjcmV0",
            "secret_digest": "ab" * 32,
            "connection": {
                "issuer": "https://idp.example",
                "client_id": "vault",
                "later": "a field of a later release",
                "roles": [{"value": "vault-admins", "role": "admin", "agents": ["Kim"]}],
            },
        },
        [
            "entra",
            "https://idp.example",
            "vault-admins",
            "role: admin",
            "Kim",
            "a new one",
            "a field of a later release",
        ],
    ),
    "member_invitation": (
        "",
        {"member": {"name": "Ada Byron", "roles": ["listener"], "agents": [], "mail_language": "fr"}},
        ["Ada Byron", "<dd>listener</dd>", "<dd>fr</dd>"],
    ),
    "member_roles": (
        "per_0123456789abcdef",
        {"change": {"roles": ["admin"]}},
        ["per_0123456789abcdef", "<dd>admin</dd>"],
    ),
    "member_recovery": (
        "per_0123456789abcdef",
        {"mail_language": "de"},
        ["per_0123456789abcdef", "<dd>de</dd>"],
    ),
}


@pytest.mark.parametrize("verb", VERBS)
def test_who_approves_sees_what_who_asked_has_seen(house: House, tenant: Tenant, verb: Verb):
    """Of every act: each argument in words, the reason, and by name who asks; not only in the bytes."""
    subject, arguments, told = ASKED[verb]
    key = key_text(house, tenant.name)
    needed, ask = ApprovalNeeded(verb, {}, ""), house.vault.approvals.approvals.ask
    asked = house.call(
        ask, tenant.id, needed, subject=subject, arguments=arguments, reason="so wished",
        actor="key_" + key.split("_")[1],
    )  # fmt: skip
    page = sign_in(house, tenant.name).get(f"/console/accounts/{tenant.name}/approvals/{asked.id}")
    assert page.status_code == 200, page.text
    shown = re.sub(r"<pre.*?</pre>", "", page.text, flags=re.DOTALL)
    for one in ("so wished", ">test</bdi>", *told):
        assert one in shown, one
    assert "sealed:c2VjcmV0" not in shown


def test_what_a_looser_rule_lets_go_is_named(house: House, tenant: Tenant):
    """One of two acts that are taken out of the rule, in words; and nothing of what stays."""
    rule = {"enabled": True, "verbs": ["call_erasure", "own_key"]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    asked = tenant.http.put(tenant.url("/approval-rule"), json=rule | {"verbs": ["own_key"]})
    assert asked.status_code == 202, asked.text
    path = f"/console/accounts/{tenant.name}/approvals/{asked.json()['id']}"
    told = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", sign_in(house, tenant.name).get(path).text))
    assert told["Without a second person from then on"] == "Erasure of a call"


def test_a_shorter_policy_is_counted_for_who_approves(house: House, tenant: Tenant):
    """The numbers of the preview that the asker saw, as of now."""
    recorded(tenant, "c1")
    rule = {"enabled": True, "verbs": ["retention_policy"]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    client, base = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}"
    fields = {
        "classes.0.class": "all", "classes.0.purpose": "quality", "classes.0.period": "10 years",
        "time_zone": "UTC", "waiting_days": "7", "object_lock": "off", "version": "0",
    }  # fmt: skip
    preview = client.post(f"{base}/retention/preview", data=fields)
    counts = COUNTS.findall(preview.text)
    assert counts == [("0", "erased by the first run"), ("1", "due later")]
    asked = client.post(
        f"{base}/retention", data=form_of(preview, f"{base}/retention") | {"name": tenant.name}
    )
    assert asked.status_code == 303, asked.text
    page = sign_in(house, tenant.name).get(asked.headers["location"].partition("?")[0]).text
    assert [one for one in counts if one[0] != "0"] == COUNTS.findall(page)
    assert "10 years" in page
