"""Nothing that sees foreign bytes takes more than its share of time: twice the input, about twice the time.

A parser or a regex whose time grows with the square of its input lets one small request stop the whole process. The
table has a row for every parser, and the strings for regexes are made from the regexes themselves.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.hostile import rows_crm, rows_sign_in, rows_stored, rows_telephony, rows_web
from tests.hostile.growth import grows_too_fast
from tests.hostile.parse_calls import parse_calls, reached
from tests.hostile.parsers import Row
from tests.hostile.regexes import Site, hostile_strings, sites

ROWS = [*rows_telephony.ROWS, *rows_web.ROWS, *rows_stored.ROWS, *rows_sign_in.ROWS, *rows_crm.ROWS]
#: Places where a regex is made inside of a function, of what only it knows, and why that is no danger.
LOCAL = {
    "vault.domain.notices.notice": "one literal text, the words of another element, in capitals or not",
    "vault.domain.legal_rules.rule_book_loader": "patterns of one literal character class, for the packaged rule book",
    "vault.simulator.twilio_api_provider": "the simulator's own server, which only the vault under test asks",
    "vault.simulator.providers.plivo.provider": "the simulator's own server, which only the vault under test asks",
}
_OWN_ROWS = "a row of the vault's own database, which the vault wrote"
_SEALED = "what the vault sealed itself; nothing else opens"
_PACKAGED = "a file of the package"
_CHECKED = "a URL that parse_media_url has read before, of at most its length"
_OPERATOR = "the control socket, which only the operator's account can open"
#: Functions that name a parser, or whole packages of such, and which no row runs: why what they read is not foreign.
NOT_FOREIGN = {
    "vault.simulator": "the simulator is a program of its own, which asks only the vault under test",
    "vault.cli.cells:read_cells": "a file that the operator writes",
    "vault.cli.demo:_http": "the vault's own replies",
    "vault.cli.events:take": "a body of at most 20,000 bytes, for a developer",
    "vault.audio.opening:open_audio": "FFmpeg, in a child with limits of its own: tests/audio",
    "vault.database.sql.compiled_statements:_on_sqlite": _OWN_ROWS,
    "vault.database.sql.postgresql_url:_hosts_of_query": "a setting, which the operator writes",
    "vault.database.stores.backup.restore_leaves:_row": "leaves of the published log, whose tree was verified before",
    "vault.database.stores.audit_log.log_tree:waiting_since": _OWN_ROWS,
    "vault.database.stores.short_form:_lengthened": _OWN_ROWS,
    "vault.database.stores.short_form:shorten": "what the vault has just sealed, or a manifest that was parsed before",
    "vault.domain.audit_log.access_event:parse_event": "rows of the vault's own, and acts whose signature was checked",
    "vault.domain.audit_log.anchor:parse_location": "64 hexadecimal digits, as a regex has found them",
    "vault.domain.requests.vcon:given_answers": "evidence that the vault has just written",
    "vault.services.playback.doorways:door_of": "ids that the vault has made",
    "vault.services.node.old_addresses:pass_on": "the URL that the vault has made of the request",
    "vault.database.stores.moves.rows:_kept": "rows that a move has written",
    "vault.database.stores.moves.rows:_value": "rows that a move has written",
    "vault.domain.stored.sealed_records:decode_event": _SEALED,
    "vault.domain.notices.default_texts:parse_default_texts": _PACKAGED,
    "vault.domain.stored.evidence:content": _SEALED,
    "vault.web.console.ended_session:open_form": _SEALED,
    "vault.domain.stored.sealed_records:decode_announcement": _SEALED,
    "vault.domain.stored.sealed_records:decode_credentials": _SEALED,
    "vault.domain.stored.evidence:_details": _SEALED,
    "vault.domain.stored.evidence:decode_details": _SEALED,
    "vault.domain.stored.sealed_records:decode_facts": _SEALED,
    "vault.domain.audit_log.replay:_contact_end": "leaves of the published log, whose tree was verified before",
    "vault.domain.audit_log.replay:take": "leaves of the published log, whose tree was verified before",
    "vault.domain.legal_rules.rule_book_loader:_parse_file": _PACKAGED,
    "vault.domain.stored.vault_facts:decode_store_check": _OWN_ROWS,
    "vault.domain.stored.vault_facts:decode_rewrite": _OWN_ROWS,
    "vault.cli.store:_read_place": "a file that the operator's own command wrote",
    "vault.database.sql.hot_text:<module>": "a constant",
    "vault.domain.stored.vault_facts:decode_scan": _OWN_ROWS,
    "vault.services.backup.restore_unnamed:_decode": _OWN_ROWS,
    "vault.cli.receipt:_check_number": "a receipt whose every byte was proven before",
    "vault.tlog.receipt_file:_proven": "a leaf whose proof was verified before",
    "vault.tlog.receipt_file:write_receipt": "a statement that the vault wrote",
    "vault.cli.version:_of_file": "a file of the package, which who builds it writes",
    "vault.services.consent.index_numbers:_facts": _OWN_ROWS,
    "vault.composition.places:_host": "a setting, which the operator writes",
    "vault.telephony.http.collector:collector_of": "a setting, which the operator writes",
    "vault.domain.registers.privacy_page:parse_page_texts": _PACKAGED,
    "vault.cli.move:read_target": "settings, which the operator writes: 32 KiB at most",
    "vault.telephony.http.smtp:mailer_of": "a setting, which the operator writes",
    "vault.domain.sign_in.invitation_mail:parse_mail_texts": _PACKAGED,
    "vault.domain.sign_in.invitation_mail:decode_waiting": _SEALED,
    "vault.domain.stored.sealed_records:decode_entry": _SEALED,
    "vault.domain.stored.sealed_records:decode_personal_data": _SEALED,
    "vault.domain.stored.retention_json:decode_covers": _OWN_ROWS,
    "vault.objects.s3:clock": "one header of a reply of the operator's own store",
    "vault.domain.stored.request_rows:_term": _OWN_ROWS,
    "vault.domain.stored.request_rows:decode_request": _SEALED,
    "vault.domain.stored.sealed_records:decode_note": _SEALED,
    "vault.domain.stored.sealed_records:decode_metadata": _SEALED,
    "vault.domain.sign_in.attempt:_loaded": "a key that the vault made and sealed",
    "vault.services.playback.links:page": "hashes of agents that the vault keeps with a session",
    "vault.services.recordings.recordings:page": "hashes of agents that the vault keeps with a session",
    "vault.services.accounts.console_sessions:read": _SEALED,
    "vault.services.approvals.ask:open": _SEALED,
    "vault.services.requests.callbacks:open_callback": _SEALED,
    "vault.services.events.stored_endpoint:open_endpoint": _SEALED,
    "vault.services.handover.stored_integration:open_integration": _SEALED,
    "vault.services.handover.stored_integration:open_handover": _SEALED,
    "vault.domain.outbox.signature:_signature": "a secret that the vault made",
    "vault.domain.outbox.signature:_private": "a key that the vault made",
    "vault.database.account_parts.event_endpoints:endpoint_of": _OWN_ROWS,
    "vault.database.account_parts.event_endpoints:_moment": _OWN_ROWS,
    "vault.domain.outbox.attempt:wait_asked": "a header of at most 64 characters",
    "vault.database.stores.outbox.messages:message_of": _OWN_ROWS,
    "vault.database.stores.events.polls:message_of_event": _OWN_ROWS,
    "vault.services.requests.receipts:_indexes_in": _SEALED,
    "vault.domain.requests.receipt_summary:summarise": _SEALED,
    "vault.domain.requests.receipt_summary:_outcomes": _SEALED,
    "vault.services.shared.clock_skew:checked_now": _OWN_ROWS,
    "vault.telephony.parsing.phone_number:is_unlikely": "a number in E.164, as the readings of a number return it",
    "vault.web.console.recordings.quarantine:get_result": _SEALED,
    "vault.web.http.languages:texts_of": _PACKAGED,
    "vault.web.http.translations:catalogue": _PACKAGED,
    "vault.web.http.translations:keys_of": _PACKAGED,
    "vault.services.retention.place_hold:texts_of_hold": _SEALED,
    "vault.services.retention.object_locks:_want_releases": _OWN_ROWS,
    "vault.services.retention.retention_clock:_check": _OWN_ROWS,
    "vault.services.retention.retention_clock:_holds_checked": _OWN_ROWS,
    "vault.cli.drill:_check_all": "replies of the operator's own vault",
    "vault.keyservice.openbao:unwrap": "one field of a reply; the reply has a row",
    "vault.telephony.twilio_api.events:_recording_ref": _CHECKED,
    "vault.telephony.numbering.number_plans:area_codes": _PACKAGED,
    "vault.telephony.numbering.number_plans:spellings": "numbers in E.164, as the readings of a number return them",
    "vault.telephony.signatures.rsa_keys:<module>": "a constant",
    "vault.telephony.signatures.ed25519:<module>": "a constant",
    "vault.telephony.providers.vonage.callbacks:_announcement": _CHECKED,
    "vault.control.socket:_serve": _OPERATOR,
    "vault.control.commands:ask": _OPERATOR,
    "vault.database.account_parts.link_keys:_covered": _OWN_ROWS,
    "vault.domain.playback.link_key:<module>": "a constant",
    "vault.domain.playback.link_key:_in_both": "networks of keys that the vault has checked and stored",
    "vault.domain.playback.link_key:_within": "networks that ip_network has read before, eight at most",
    "vault.services.audit_log.access_log:_shown": _SEALED,
    "vault.services.playback.link_keys:_check_proof": "a proof of at most 100 characters",
    "vault.services.playback.explain_link:_check_address": "an address of at most 45 characters",
    "vault.services.playback.explain_link:_token_of": "a link of at most 2,000 characters",
    "vault.services.playback.verify_link_token:_check_opaque": _OWN_ROWS,
    "vault.services.playback.verify_link_token:audience_of": "a setting, which the operator writes",
    "vault.domain.sign_in.connection:decode_settings": _SEALED,
    "vault.domain.sign_in.invitation:decode_terms": _SEALED,
    "vault.services.retention.tell_due_soon:_freed": _OWN_ROWS,
    "vault.domain.sign_in.connection:decode_profile": _SEALED,
    "vault.domain.sign_in.seen_claims:decode_seen": _SEALED,
    "vault.domain.sign_in.provisioning:decode_resource": _SEALED,
    "vault.web.console.approvals.approvals:show_approval": "what the vault wrote itself, and sealed",
    "vault.web.console.sign_in.provider:post_back_channel": "the row `link form` calls the same parser with its limit",
    "vault.services.shared.account_data_keys:open_detail": _SEALED,
    "vault.services.shared.account_data_keys:read_words": _OWN_ROWS,
    "vault.services.audit_log.access_log:_origins": _SEALED,
    "vault.services.consent.enter_objection:number_of": _SEALED,
    "vault.services.backup.restore_log:_id": "leaves of the log, at most 64 KiB each",
    "vault.services.backup.restore_log:_take_lost": "leaves of the published log, whose root is checked behind them",
    "vault.services.backup.restore_log:_take_own": "leaves of the database's own log",
}
#: Characters of the longest string for a regex.
_LONG = 4096


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_time_grows_as_the_input_does(row: Row) -> None:
    """Whatever the shape: an input of twice the bytes takes less than 2.83 times the processor time."""
    assert row.too_fast() == {}


def _use(regex: re.Pattern[Any], given: str) -> None:
    """Do with a regex what takes longest: match the whole, and search from every place on."""
    value = given.encode("latin-1", "replace") if isinstance(regex.pattern, bytes) else given
    regex.fullmatch(value)
    for _ in regex.finditer(value):
        pass


def too_fast(regex: re.Pattern[Any]) -> Iterator[tuple[str, float]]:
    """Yield the strings on which the time grows too fast, by how they begin, and how fast."""
    for prefix, body in hostile_strings(regex):
        for before, piece, after in ((prefix, body, "\0"), ("", prefix + body, "")):

            def call(size: int, before: str = before, piece: str = piece, after: str = after) -> Any:
                return partial(_use, regex, before + piece * (size // len(piece)) + after)

            if (ratio := grows_too_fast(call, _LONG)) is not None:
                yield (before + piece)[:40], ratio


def regexes() -> dict[str, Site]:
    """Return every regex of the vault by its place."""
    return {site.place: site for site in sites()}


def test_no_regex_goes_back_and_forth() -> None:
    """Every regex in the code, on strings made to keep each of its repeats going, and from every place on."""
    found = {place: dict(too_fast(site.regex)) for place, site in regexes().items() if site.regex}
    assert len(found) > 60
    assert {place: strings for place, strings in found.items() if strings} == {}


def test_every_regex_is_seen() -> None:
    """A pattern that is only put together while a function runs is tried by no test, so it needs a reason."""
    no_progress = {place.partition(":")[0] for place, site in regexes().items() if site.regex is None}
    assert no_progress == set(LOCAL)


@pytest.mark.parametrize("pattern", [r'"(?:[^"\\]|\\.)*"', "a+b", r"\s+\Z"])
def test_a_regex_that_does_is_found(pattern: str) -> None:
    """The first one was in use; each takes at least the square of what it is given, or more."""
    assert next(too_fast(re.compile(pattern, re.DOTALL)), None)


def _excused(function: str) -> str:
    """Return the reason's key that covers a function, or nothing."""
    package = next((one for one in NOT_FOREIGN if function.startswith(f"{one}.")), "")
    return function if function in NOT_FOREIGN else package


def test_every_parser_has_a_row() -> None:
    """A function that hands bytes or text to a parser is run by a row, or has a reason."""
    parsing, run = set(parse_calls()), {row.name: reached(row) for row in ROWS}
    left = parsing.difference(*run.values())
    assert {function for function in left if not _excused(function)} == set()
    assert {_excused(function) for function in parsing} - {""} == set(NOT_FOREIGN)
    # And without its row a parser is missed.
    others = [
        found for name, found in run.items() if name not in {"context", "sealed header", "sealed message"}
    ]
    assert "vault.sealing.context:parse" in parsing.difference(*others)
