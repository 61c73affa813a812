"""The routers of all pages of the console."""

from typing import Final

from vault.web.console import (
    account_keys,
    approvals,
    connections,
    consent,
    holds,
    listen,
    log,
    members,
    notices,
    objections,
    overview,
    people,
    provider_sign_in,
    quarantine,
    recording,
    recordings,
    request_forms,
    requests,
    retention,
    sign_in,
)

ROUTERS: Final = (
    sign_in.router,
    provider_sign_in.router,
    overview.router,
    recordings.router,
    listen.router,
    recording.router,
    quarantine.router,
    people.router,
    consent.router,
    notices.router,
    objections.router,
    retention.router,
    holds.router,
    requests.router,
    request_forms.router,
    approvals.router,
    account_keys.router,
    connections.router,
    members.router,
    log.router,
)
