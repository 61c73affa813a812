"""Slack, as docs.slack.dev describes its Web API: a channel, messages, edits, metadata."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from vault.simulator.crm.crm import Record, SimulatedCrm, json_body, page_of
from vault.simulator.crm.tokens import TokenServer
from vault.simulator.exchange import Reply, VaultRequest, json_reply

CHANNEL = "C0123456789"
MESSAGE = {"channel", "text", "blocks", "unfurl_links", "unfurl_media", "link_names", "parse", "metadata"}
ARGUMENTS = {
    "chat.postMessage": MESSAGE,
    "chat.update": {*MESSAGE, "ts"},
    "chat.delete": {"channel", "ts"},
}
LONGEST_TEXT, MOST_BLOCKS = 3000, 50


class SimulatedSlack(SimulatedCrm):
    """A workspace with one channel, in which the app is."""

    name: ClassVar[str] = "slack"

    def __init__(self) -> None:
        """Begin with no message."""
        super().__init__()
        #: An organization whose exports forbid deletions.
        self.exports = False

    def token_server(self) -> TokenServer:
        """Return its rules: a refresh token is valid once; errors have status 200."""
        return TokenServer(
            path="/api/oauth.v2.access", rotates=True, has_pkce=False, expires_in=43_200, error_status=200
        )

    @property
    def settings(self) -> Mapping[str, str]:
        """Return the channel."""
        return {"channel": CHANNEL}

    def is_authentic(self, asked: VaultRequest) -> bool:
        """Take a bot token."""
        return asked.bearer == self.key or asked.bearer in self.tokens.access

    def unauthorized(self) -> Reply:
        """Return its error, with status 200."""
        return _error("invalid_auth")

    def serve(self, asked: VaultRequest) -> Reply:
        """Route by the name of the method."""
        name = asked.path.removeprefix("/api/")
        if name == "conversations.history":
            return self._history(asked)
        if asked.method != "POST" or name not in ARGUMENTS:
            return _error("unknown_method")
        # Slack takes forms, too, and its own SDK sends some.
        is_form = asked.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        body = dict(parse_qsl(asked.body.decode())) if is_form else json_body(asked)
        if set(body) - ARGUMENTS[name]:
            return _error("invalid_arg_name")
        if body["channel"] != CHANNEL:
            return _error("channel_not_found")
        return self._post(body) if name == "chat.postMessage" else self._change(name, body)

    def _post(self, body: dict[str, Any]) -> Reply:
        if wrong := _wrong(body):
            return _error(wrong)
        ts = f"17641500{self.new_id()}.000100"
        self.records[ts] = Record(id=ts, fields=body)
        return json_reply(200, {"ok": True, "channel": CHANNEL, "ts": ts, "message": {"text": body["text"]}})

    def _change(self, name: str, body: dict[str, Any]) -> Reply:
        record = self.records.get(body["ts"])
        if record is None or record.removed:
            return _error("message_not_found")
        if name == "chat.delete":
            if self.exports:
                return _error("compliance_exports_prevent_deletion")
            record.removed = True
        else:
            if wrong := _wrong(body):
                return _error(wrong)
            record.history.append(record.fields)
            record.fields = {**record.fields, **body}
        return json_reply(200, {"ok": True, "channel": CHANNEL, "ts": body["ts"]})

    def _history(self, asked: VaultRequest) -> Reply:
        # A GET with a query is taken, too: Slack's own SDK sends one.
        form = dict(asked.query) or dict(parse_qsl(asked.body.decode()))
        if form["channel"] != CHANNEL:
            return _error("channel_not_found")
        messages = [
            {
                "type": "message",
                "ts": one.id,
                "text": one.fields["text"],
                **(
                    {"metadata": one.fields["metadata"]}
                    if form.get("include_all_metadata") in {"true", "1"}
                    else {}
                ),
            }
            for one in self.records.values()
            if not one.removed and float(one.id) >= float(form.get("oldest", "0"))
        ]
        number = int(form.get("cursor", "page:1").removeprefix("page:"))
        shown, pages = page_of(messages[::-1], number, int(form["limit"]))
        answer: dict[str, Any] = {"ok": True, "messages": shown, "has_more": number < pages}
        if number < pages:
            answer["response_metadata"] = {"next_cursor": f"page:{number + 1}"}
        return json_reply(200, answer)

    def shown(self) -> Sequence[str]:
        """Return each message as the channel shows it: what is markup stays marked, the rest is unescaped."""
        return [_read(one.fields) for one in self.records.values() if not one.removed]


def _wrong(body: dict[str, Any]) -> str | None:
    blocks = body.get("blocks", [])
    if not body.get("text") and not blocks:
        return "no_text"
    if len(blocks) > MOST_BLOCKS or any(len(one["text"]["text"]) > LONGEST_TEXT for one in blocks):
        return "invalid_blocks"
    if body.get("unfurl_links", False) or body.get("unfurl_media", False):
        return "the_tests_want_no_previews"
    return None


def _read(fields: dict[str, Any]) -> str:
    """Return text with live mentions and links as they are written, and other characters as a person reads them."""
    texts = [one["text"]["text"] for one in fields["blocks"]]
    live = re.findall(r"<[!@#][^<>]*>|<https?://[^<>]*>", " ".join([fields["text"], *texts]))
    shown = re.sub(r"[<>]", "", html.unescape("\n".join(texts)))
    return json.dumps([fields["text"], shown, live], ensure_ascii=False)


def _error(code: str) -> Reply:
    return json_reply(200, {"ok": False, "error": code})
