"""What each role and each scope lets somebody do, in one sentence: for who gives them away."""

from collections.abc import Mapping
from typing import Final

from vault.domain.accounts.account import Scope
from vault.domain.accounts.roles import Role
from vault.web.http.translations import translatable

ROLE_WORDS: Final[Mapping[Role, str]] = translatable(
    {
        "listener": "Finds recordings, hears them, and shares them by links.",
        "supervisor": "As a listener, and reads the access log: who heard what.",
        "privacy": "Decides on quarantine, erasure and requests of people, sets retention, places holds, and approves.",
        "auditor": "Reads the access log, evidence and registers. Hears nothing and changes nothing.",
        "admin": "Everything in this account: people, keys, platforms and settings too.",
        "operator": "Everything in every account.",
    }
)
SCOPE_WORDS: Final[Mapping[Scope, str]] = translatable(
    {
        "ingest": "Reports calls and uploads recordings; for platforms.",
        "recordings:pause": "Pauses the recording of a running call, and lets it go on; for agents' desktops.",
        "recordings:read": "Finds recordings and hears them.",
        "links:write": "Makes links for listeners, and revokes them.",
        "settings:write": "Changes the recording switch, consent, notices, limits and platforms.",
        "privacy:write": "Erases, restricts, decides on quarantine and requests of people, and closes the account.",
        "audit:read": "Reads the access log, evidence, holds, approvals and registers.",
        "keys:write": "Gives access: people, API keys, sign-in, and the key of the account.",
        "retention:write": "Changes how long recordings are kept.",
        "holds:write": "Places holds, under which nothing is erased, and asks for their release.",
        "approvals:write": "Approves what another person asked for, with the scope of that act.",
        "quarantine:listen": "Hears recordings in quarantine, to decide about their consent.",
        "*": "All of these, also what later releases add.",
    }
)
