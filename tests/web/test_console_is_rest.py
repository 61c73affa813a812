"""What REST can change, the console can: a form for each route with each field of its body, or the reason why not."""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel

from tests.support.console import sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House
from tests.web.console.doors import DOORS as FORMS
from tests.web.doors import DOORS
from vault.web.console.registers.record import CONTACTS
from vault.web.routes.accounts.limits import LimitsIn
from vault.web.schemas.accounts.settings import AccountIn, ConnectionIn, KeyIn
from vault.web.schemas.events import EventEndpointIn
from vault.web.schemas.integrations import HandoverPolicyBody, IntegrationIn
from vault.web.schemas.members import MemberIn
from vault.web.schemas.playback.link_keys import LinkCutIn, LinkKeyIn
from vault.web.schemas.provisioning import ProvisioningIn
from vault.web.schemas.registers.authority_requests import AuthorityRequestIn
from vault.web.schemas.registers.processing_record import ContactIn, ProfileIn, PurposeIn
from vault.web.schemas.registers.recipients import RecipientIn
from vault.web.schemas.sign_in import RoleMappingIn, SignInConnectionIn

#: Routes of REST that change something, and the form that does it. No form of one's own: the reason.
FORM_OF: Final[Mapping[str, str]] = {
    "PUT ": "/account",
    "PUT /request-callback": "/request-callback",
    "DELETE /request-callback": "/request-callback/deletion",
    "POST /event-endpoints": "/events",
    "PATCH /event-endpoints/{endpoint}": "/events/{endpoint}",
    "POST /event-endpoints/{endpoint}/secret": "/events/{endpoint}/secret",
    "POST /event-endpoints/{endpoint}/replay": "/events/{endpoint}/replay",
    "POST /event-endpoints/{endpoint}/test": "/events/{endpoint}/test",
    "DELETE /event-endpoints/{endpoint}": "/events/{endpoint}/deletion",
    "POST /closure": "/closure",
    "DELETE /closure": "/closure/withdrawal",
    "PUT /recording-switch": "/recording-switch",
    "PUT /connections/{name}": "/connections",
    "DELETE /connections/{name}": "/connections/{connection}/deletion",
    "PUT /calls/{call_ref}": "for a telephony platform",
    "PATCH /calls/{call_ref}": "/recordings/{recording}/metadata",
    "PATCH /recordings/{recording}": "/recordings/{recording}/metadata",
    "DELETE /calls/{call_ref}": "the erasure of what is left of a call without a recording",
    "POST /calls/{call_ref}/consent": "for a telephony platform",
    "POST /calls/{call_ref}/pauses": "for the desktop of an agent",
    "POST /calls/{call_ref}/pauses/{pause}/end": "for the desktop of an agent",
    "PUT /consent-policy": "/consent",
    "PATCH /consent-policy": "/consent",
    "PUT /objections/{number}": "/consent/objections",
    "DELETE /objections/{number}": "/consent/objections/end",
    "POST /recordings/{recording}/release": "/quarantine/verdict",
    "POST /recordings/{recording}/refusal": "/quarantine/verdict",
    "POST /recordings/{recording}/retry": "/recordings/{recording}/retry",
    "POST /recordings/{recording}/redactions": "/recordings/{recording}/redactions",
    "PUT /card-data": "/card-data",
    "POST /card-data/back-fill": "/card-data/back-fill",
    "PATCH /card-data/back-fill": "/card-data/back-fill/state",
    "DELETE /redaction-proposals/{proposal}": "/redaction-proposals/{proposal}/dismissal",
    "PUT /recordings/{recording}/restriction": "/recordings/{recording}/restriction",
    "DELETE /recordings/{recording}/restriction": "/recordings/{recording}/restriction",
    "PUT /calls/{call_ref}/recordings/{recording_ref}": "for a telephony platform",
    "DELETE /recordings/{recording}": "/recordings/{recording}/erasure",
    "POST /recordings/{recording}/notes": "on the player's page",
    "PATCH /recordings/{recording}/notes/{note}": "on the player's page",
    "DELETE /recordings/{recording}/notes/{note}": "on the player's page",
    "POST /recordings/{recording}/links": "/recordings/{recording}/links",
    "DELETE /recordings/{recording}/links/{link}": "/recordings/{recording}/links/{link}/revocation",
    "POST /recordings/{recording}/doorway": "for a program that writes the address into a CRM",
    "POST /links/revocation": "/people/revocation",
    "POST /link-key-challenges": "/connections/keys/links",
    "PUT /link-keys/{name}": "/connections/keys/links",
    "DELETE /link-keys/{name}": "/connections/keys/links/{link_key}/deletion",
    "POST /link-checks": "for the developer of a backend that signs links; it changes nothing",
    "POST /link-cuts": "/connections/keys/cuts",
    "POST /requests": "/requests",
    "POST /requests/{request_id}/verification": "/requests/{request_id}/verification",
    "POST /requests/{request_id}/pause": "/requests/{request_id}/pause",
    "POST /requests/{request_id}/resume": "/requests/{request_id}/resume",
    "POST /requests/{request_id}/extension": "/requests/{request_id}/extension",
    "POST /requests/{request_id}/decision": "/requests/{request_id}/decision",
    "POST /requests/{request_id}/withdrawal": "/requests/{request_id}/withdrawal",
    "PUT /retention-policy": "/retention",
    "POST /retention-policy/preview": "/retention/preview",
    "POST /contact-ends": "for the CRM, which knows when a contact has ended",
    "POST /contact-ends/withdrawal": "for the CRM, which knows that a contact goes on",
    "POST /holds": "/holds",
    "POST /holds/{hold}/release/preview": "/holds/{hold}/release/preview",
    "DELETE /holds/{hold}": "/holds/{hold}/release",
    "POST /approvals/{approval}": "/approvals/{approval}",
    "PUT /approval-rule": "/approval-rule",
    "PUT /processing-record": "/registers/record",
    "POST /recipients": "/registers/recipients",
    "PATCH /recipients/{recipient}": "/registers/recipients/{recipient}",
    "POST /recipients/{recipient}/end": "/registers/recipients/{recipient}/end",
    "POST /authority-requests": "/registers/authorities",
    "PATCH /authority-requests/{authority_request}": "/registers/authorities/{authority_request}",
    "PUT /limits": "/account/limits",
    "PUT /step-up": "/access/step-up",
    "PUT /sign-in-connections/{name}": "/access/sign-in",
    "POST /sign-in-connection-test": "/access/sign-in/test",
    "DELETE /sign-in-connections/{name}": "/access/sign-in/{provider}/deletion",
    "PUT /provisioning": "/access/provisioning",
    "DELETE /provisioning": "/access/provisioning/deletion",
    "POST /provisioning/tokens": "/access/provisioning/tokens",
    "DELETE /provisioning/tokens/{token}": "/access/provisioning/tokens/{token}/revocation",
    "POST /members": "/access/members",
    "PATCH /members/{member}": "/access/members/{member}",
    "POST /members/{member}/invitations": "/access/members/{member}/invitations",
    "DELETE /members/{member}/invitations/{invitation}": "/access/members/{member}/invitations/{invitation}/revocation",
    "POST /members/{member}/removal": "/access/members/{member}/removal",
    "POST /members/{member}/readmission": "/access/members/{member}/readmission",
    "DELETE /members/{member}/console-sessions": "/access/members/{member}/sessions/end",
    "DELETE /console-sessions/{session}": "/access/sessions/{session}/end",
    "POST /integrations": "/integrations",
    "POST /integration-preview": "/integrations/preview",
    "PATCH /integrations/{integration}": "/integrations/{integration}",
    "POST /integrations/{integration}/authorization": "by a program so far: it answers the address of the system",
    "POST /integrations/{integration}/pause": "/integrations/{integration}/pause",
    "POST /integrations/{integration}/resume": "/integrations/{integration}/resume",
    "POST /integrations/{integration}/end": "/integrations/{integration}/end",
    "POST /integrations/{integration}/preview": "/integrations/{integration}/preview",
    "POST /integrations/{integration}/back-fill": "/integrations/{integration}/back-fill",
    "POST /handovers/{handover}/decision": "/handovers/{handover}/decision",
    "POST /key-rotation": "/connections/keys/rotation",
    "PUT /own-key": "/connections/keys/own-key",
    "POST /notices": "/consent/notices",
    "PUT /notices/{notice}": "/consent/notices/{notice}",
    "DELETE /notices/{notice}": "/consent/notices/{notice}/deletion",
    "PUT /notices/{notice}/audio": "/consent/notices/{notice}/audio",
    "DELETE /notices/{notice}/audio": "/consent/notices/{notice}/audio/removal",
    "POST /notices/{notice}/publish": "/consent/notices/{notice}/publication",
    "POST /notices/{notice}/retire": "/consent/notices/{notice}/retirement",
}
#: By page: the bodies that its form makes, and where a field has another name there; "" is no field, with the reason.
FIELDS: Final[tuple[tuple[str, type[BaseModel], Mapping[str, str]], ...]] = (
    # The region is the vault's: a program may check it, and a person has nothing to choose.
    ("/account", AccountIn, {"name": "title", "region": ""}),
    ("/account", LimitsIn, {}),
    ("/events", EventEndpointIn, {}),
    (
        "/connections/new?provider=telnyx",
        ConnectionIn,
        {"credentials": "credential.public_key", "previous_credentials": "previous.public_key"},
    ),
    (
        "/access/sign-in/new",
        SignInConnectionIn,
        {"client_authentication": "authentication", "roles": "roles.0.value"},
    ),
    # Where the operator has set a mail server, it has the language too: tests/web/console/test_mailed.py.
    ("/access/invitation", MemberIn, {"name": "title", "mail_language": ""}),
    ("/access/provisioning", ProvisioningIn, {}),
    ("/access/sign-in/new", RoleMappingIn, {name: f"roles.0.{name}" for name in RoleMappingIn.model_fields}),
    (
        "/registers/record/change",
        ProfileIn,
        {name: f"{name}.name" for name in CONTACTS}
        | {"joint_controllers": "joint_controllers.0.name", "purposes": "purposes.0.purpose"},
    ),
    ("/registers/record/change", ContactIn, {name: f"controller.{name}" for name in ContactIn.model_fields}),
    ("/registers/record/change", PurposeIn, {name: f"purposes.0.{name}" for name in PurposeIn.model_fields}),
    ("/registers/recipients/new", RecipientIn, {"name": "title"}),
    # What the answer needs is on the page of the request.
    (
        "/registers/authorities/new",
        AuthorityRequestIn,
        dict.fromkeys(
            (
                "reviewer",
                "decision",
                "decided_at",
                "recordings",
                "leaves",
                "handover",
                "told_at",
                "not_told_reason",
            ),
            "",
        ),
    ),
    (
        "/integrations/new?system=hubspot",
        IntegrationIn,
        {"key": "secret", "client": "", "settings": "id_property", "policy": "policy.matching"},
    ),
    # A new account has no connection.
    (
        "/integrations/new?system=hubspot",
        HandoverPolicyBody,
        {name: f"policy.{name}" for name in HandoverPolicyBody.model_fields} | {"connections": ""},
    ),
    # The account of the page is the key's.
    ("/access/keys", KeyIn, {"name": "title", "account": ""}),
    ("/connections/keys/links/new", LinkKeyIn, {"kinds": "kinds.player"}),
    # What is cut is chosen by its kind.
    (
        "/connections/keys/cuts",
        LinkCutIn,
        dict.fromkeys(("key", "recording", "listener", "jti"), "target"),
    ),
)


def test_what_rest_changes_has_a_form():
    """Each route that changes something, so that a new one is either here or has its reason; each form exists."""
    changing = {f"{method} {path}" for method, path in DOORS if method not in {"GET", "HEAD"}}
    assert changing == set(FORM_OF)
    forms = {path for method, path in FORMS if method == "POST"}
    assert {form for form in FORM_OF.values() if form.startswith("/")} - forms == set()


def test_a_form_has_each_field_of_its_body(house: House, tenant: Tenant):
    """Of connections, sign-in, roles, keys, cuts, limits and the account."""
    client = sign_in(house, tenant.name, "*")
    missing = {}
    for page, model, names in FIELDS:
        text = client.get(f"/console/accounts/{tenant.name}{page}").text
        inputs = set(re.findall(r'<(?:input|select|textarea)[^>]* name="([^"]+)"', text))
        wanted = {name: names.get(name, name) for name in model.model_fields}
        if left := {name for name, field in wanted.items() if field and field not in inputs}:
            missing[model.__name__] = left
    assert missing == {}
