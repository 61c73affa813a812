"""Slack: a message in a channel. There is no contact, so whoever is in the channel reads it.

Sources: docs.slack.dev, ``chat.postMessage``, ``chat.update``, ``chat.delete``, ``conversations.history``, "Message
metadata", "Formatting message text", "Using token rotation", "Rate limits". An answer is a success if it says ``ok``,
whatever its status. Text is marked verbatim and escaped, so no mention and no link in it acts.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from vault.crm.code_flow import CodeFlow
from vault.crm.reading import at, code_of, json_of, text_at
from vault.crm.replies import asked_wait, verdict_of
from vault.crm.requests import API_BASE, SECRET, base_of, bearer, form_request, host_of, request
from vault.crm.text import REMOVED, as_plain, lines_of, title_of
from vault.domain.crm.exchange import Act, CrmAccess, CrmReply, CrmRequest
from vault.domain.crm.handover import Handover, RemoteIds, Target
from vault.domain.crm.verdict import (
    Accepted,
    Denied,
    Gone,
    Kept,
    Refused,
    Residue,
    Unauthorized,
    Unclear,
    Verdict,
    Wait,
)
from vault.ports.crm import CrmSystem, FormField, Pace, Settings

API: Final = "https://slack.com"
#: Characters of a text in a block, escaped; and how many are tried of the text before.
MAX_BLOCK: Final = 3000
_LIMITS: Final = (2900, 1400, 550)
#: Messages of a page of a probe, the newest first.
HISTORY: Final = 200
_EVENT: Final = "callvault_handover"
_CHANNEL: Final = re.compile(r"[CG][A-Z0-9]{8,20}")
_CURSOR: Final = re.compile(r"[!-~]{1,500}")
_TS: Final = re.compile(r"[0-9]{1,20}\.[0-9]{1,10}")
_ENDED: Final = frozenset(
    {"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "org_login_required"}
)
_DENIED: Final = frozenset(
    {
        "missing_scope",
        "no_permission",
        "ekm_access_denied",
        "restricted_action",
        "not_allowed_token_type",
        "access_denied",
    }
)
_LATER: Final = frozenset({"ratelimited", "rate_limited", "team_added_to_org", "service_unavailable"})
_BROKEN: Final = frozenset({"fatal_error", "internal_error", "request_timeout"})
#: An update before a removal that Slack does not allow any more: the message is removed all the same.
_UNCHANGED: Final = frozenset({"edit_window_closed", "cant_update_message"})
_KEPT: Final = frozenset({"compliance_exports_prevent_deletion", "cant_delete_message"})


@dataclass(frozen=True, slots=True)
class Slack(CrmSystem):
    """The system ``slack``. It has no state."""

    name: str = "slack"
    title: str = "Slack"
    #: A workspace may keep edited and deleted messages for exports; its owner knows.
    keeps_after_edit: frozenset[Residue] = frozenset({Residue.COMPLIANCE_EXPORT})
    keeps_after_removal: frozenset[Residue] = frozenset({Residue.COMPLIANCE_EXPORT})
    probe_lag: timedelta = timedelta(seconds=5)

    @property
    def audience(self) -> Literal["contact", "channel"]:
        """Return that whoever is in the channel reads it."""
        return "channel"

    @property
    def oauth(self) -> CodeFlow:
        """Return its OAuth. Where tokens rotate, an access token lives for 12 hours."""
        return CodeFlow(
            authorize=lambda settings: base_of(settings, API) + "/oauth/v2/authorize",
            token=lambda settings: base_of(settings, API) + "/api/oauth.v2.access",
            scopes=("chat:write", "channels:history", "groups:history"),
            scope_separator=",",
            has_pkce=False,
            rotates=True,
        )

    @property
    def key_field(self) -> FormField:
        """Return the field of a bot token."""
        return FormField(
            name="bot_token", pattern=SECRET, rule="the bot token of your app, which begins with xoxb-"
        )

    @property
    def settings_fields(self) -> Sequence[FormField]:
        """Return the channel."""
        channel = FormField(
            name="channel",
            pattern=_CHANNEL,
            rule="the id of a channel with the app in it, such as C0123456789",
        )
        return (channel, API_BASE)

    @property
    def paces(self) -> Sequence[Pace]:
        """Return that a channel takes a message in a second, and a workspace fifty of the others in a minute."""
        minute = timedelta(minutes=1)
        return (
            Pace(path="/chat.postMessage", limit=1, per=timedelta(seconds=1), removals=0),
            Pace(path="/chat.update", limit=50, per=minute, removals=0.7),
            Pace(path="/conversations.history", limit=50, per=minute, removals=0.5),
        )

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        """Return its one host."""
        return (host_of(base_of(settings, API)),)

    def create(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the request that posts the message."""
        channel = access.settings["channel"]
        return _call("chat.postMessage", access, {"channel": channel, **_message(handover, channel)})

    def created(self, reply: CrmReply) -> RemoteIds | None:
        """Read the channel and time of the message, which are its ids."""
        answer = json_of(reply)
        return _ids(text_at(answer, "channel"), text_at(answer, "ts"))

    def probe(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the request for the newest messages of the channel since the call."""
        return _history(handover, access, {})

    def probe_next(
        self,
        reply: CrmReply,
        handover: Handover,
        target: Target,  # noqa: ARG002 - the port's
        access: CrmAccess,
    ) -> CrmRequest | None:
        """Return the request for those before: in a busy channel, many people write after the vault."""
        cursor = text_at(json_of(reply), "response_metadata", "next_cursor")
        if cursor is None or _CURSOR.fullmatch(cursor) is None:
            return None
        return _history(handover, access, {"cursor": cursor})

    def probed(self, reply: CrmReply, handover: Handover, target: Target) -> RemoteIds | None:  # noqa: ARG002 - the port's
        """Read the message whose metadata have the id of this hand-over; a page of messages names no channel."""
        found = at(json_of(reply), "messages")
        for item in found[:HISTORY] if isinstance(found, list) else ():
            if text_at(item, "metadata", "event_payload", "id") == handover.id:
                return _ids(text_at(item, "metadata", "event_payload", "channel"), text_at(item, "ts"))
        return None

    def update(self, remote: RemoteIds, handover: Handover, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return the request that replaces the message."""
        return (_call("chat.update", access, {**remote, **_message(handover, remote["channel"])}),)

    def remove(self, remote: RemoteIds, handover_id: str, access: CrmAccess) -> Sequence[CrmRequest]:  # noqa: ARG002 - the port's
        """Return the requests that blank the message, and then delete it. Replies of people in its thread stay."""
        blank = {"text": REMOVED, "blocks": [], "metadata": {"event_type": _EVENT, "event_payload": {}}}
        return (_call("chat.update", access, {**remote, **blank}), _call("chat.delete", access, remote))

    def classify(self, act: Act, reply: CrmReply) -> Verdict:
        """Return what a reply means: by ``error`` where it is not ``ok``."""
        answer = json_of(reply)
        if at(answer, "ok") is True:
            return verdict_of(act, reply)
        error = code_of(text_at(answer, "error"))
        if error == "unknown":
            # No answer of Slack's own: a success would have said so.
            plain = verdict_of(act, reply)
            unread = Unclear() if act == "create" else Wait()
            return unread if isinstance(plain, Accepted) else plain
        if error in _LATER:
            return Wait(asked=asked_wait(reply))
        if error in _BROKEN:
            return Unclear() if act == "create" else Wait()
        return _verdict_of_error(act, error, reply)


def _verdict_of_error(act: Act, error: str, reply: CrmReply) -> Verdict:
    if error in _ENDED:
        return Unauthorized()
    if error in _DENIED:
        return Denied(code=error)
    if error == "message_not_found":
        return Gone()
    if act == "remove" and error in _UNCHANGED:
        return Accepted()
    if act == "remove" and error in _KEPT:
        return Kept(residue=Residue.COMPLIANCE_EXPORT)
    # An error with a status of its own, such as of a proxy, is told by that.
    plain = verdict_of(act, reply, code=error)
    return Refused(code=error) if isinstance(plain, Accepted) else plain


def _call(method: str, access: CrmAccess, body: Mapping[str, object]) -> CrmRequest:
    return request("POST", f"{base_of(access.settings, API)}/api/{method}", bearer(access.token), body)


def _history(handover: Handover, access: CrmAccess, page: Mapping[str, str]) -> CrmRequest:
    """Return the request for messages since the call. It takes a form alone."""
    fields = {
        "channel": access.settings["channel"],
        "oldest": str(int(handover.started_at.timestamp())),
        "include_all_metadata": "true",
        "limit": str(HISTORY),
        **page,
    }
    url = base_of(access.settings, API) + "/api/conversations.history"
    return form_request(url, fields, bearer(access.token))


def _ids(channel: str | None, ts: str | None) -> RemoteIds | None:
    if channel is None or ts is None or not (_CHANNEL.fullmatch(channel) and _TS.fullmatch(ts)):
        return None
    return {"channel": channel, "ts": ts}


def _message(handover: Handover, channel: str) -> dict[str, object]:
    """Return the message: the title is what notifications show, the rest stands in a block."""
    section = {"type": "section", "text": {"type": "mrkdwn", "text": _shown(handover), "verbatim": True}}
    return {
        "text": title_of(handover),
        "blocks": [section],
        "unfurl_links": False,
        "unfurl_media": False,
        "link_names": False,
        "parse": "none",
        "metadata": {"event_type": _EVENT, "event_payload": {"id": handover.id, "channel": channel}},
    }


def _shown(handover: Handover) -> str:
    """Return the lines, escaped; a text that gets too long by that is cut more."""
    for limit in _LIMITS:
        text = html.escape(
            as_plain((("", title_of(handover)), *lines_of(handover, limit=limit))), quote=False
        )
        if len(text) <= MAX_BLOCK:
            break
    return text
