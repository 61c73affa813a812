"""The routers of all pages of the console."""

from typing import Final

from vault.web.console.accounts import (
    authorize_integration,
    connections,
    deliveries,
    keys,
    overview,
    settings,
    usage,
)
from vault.web.console.approvals import approvals
from vault.web.console.audit_log import log
from vault.web.console.consent import notices, objections
from vault.web.console.consent import policy as consent
from vault.web.console.events import deliveries as event_deliveries
from vault.web.console.events import endpoints as event_endpoints
from vault.web.console.handover import handovers, integration, integrations
from vault.web.console.playback import doorways, link_keys, listen, people, share
from vault.web.console.recordings import (
    card_data,
    card_data_back_fill,
    metadata,
    quarantine,
    recording,
    recordings,
)
from vault.web.console.registers import authority_requests, disclosures, recipients, record
from vault.web.console.requests import callback, closure, requests, steps
from vault.web.console.retention import holds
from vault.web.console.retention import policy as retention
from vault.web.console.sign_in import (
    choose_account,
    invitations,
    members,
    own_passkeys,
    passkeys,
    provider,
    provisioning,
    sign_in,
)
from vault.web.console.sign_in import connections as sign_in_connections

ROUTERS: Final = (
    sign_in.front_router,
    sign_in.router,
    provider.router,
    passkeys.router,
    own_passkeys.router,
    choose_account.router,
    overview.router,
    usage.router,
    recordings.router,
    listen.router,
    doorways.router,
    share.router,
    recording.router,
    metadata.router,
    card_data.router,
    card_data_back_fill.router,
    quarantine.router,
    people.router,
    consent.router,
    notices.router,
    objections.router,
    retention.router,
    holds.router,
    closure.router,
    callback.router,
    requests.router,
    steps.router,
    record.router,
    recipients.router,
    disclosures.router,
    authority_requests.router,
    approvals.router,
    keys.router,
    settings.router,
    link_keys.router,
    connections.router,
    deliveries.router,
    authorize_integration.router,
    event_endpoints.router,
    event_deliveries.router,
    integrations.router,
    integration.router,
    handovers.router,
    members.router,
    invitations.router,
    sign_in_connections.router,
    provisioning.router,
    log.router,
)
