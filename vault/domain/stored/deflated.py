"""JSON that is deflated before it is sealed, because sealed bytes do not compress any more.

A deflated text is a zlib stream (RFC 1950) with the preset dictionary below, which the stream names by its checksum
(DICTID); any zlib library reads it with these bytes. The low four bits of its first byte are 8, so it does not begin
with ``{``, as JSON does: both forms are told apart, and texts of earlier releases are read for ever.

The length of a compressed text depends on its content: an attacker who chooses a part of a text, and sees the lengths
of many versions of it, can find out a secret beside that part (as in CRIME; RFC 7457, section 2.6). Only readers of the
database or the bucket see lengths here, and no text holds a secret that opens anything: they are call facts, consent
and decisions. Each is sealed once, and its author knows all of it, except the first evidence of a call of which several
senders report: a sender who also reads the database has one guess at a number that another one reported, blurred by
random digests and ids in the same text. Announcements hold signed URLs, so they are never deflated.
"""

import zlib
from typing import Final

from vault.errors import Tampered

#: Bytes; a longer text stays JSON: one of thousands of reports would keep the event loop busy.
MAX_DEFLATED: Final = 64 * 1024
#: A window of 8 KiB and less memory than zlib takes by default: texts are short, and many are written.
_WINDOW_BITS, _MEMORY = 13, 5
#: The bytes never change: stored texts need them. Another dictionary would get another checksum, and be kept beside it.
#: Frequent words stand at the end.
DICTIONARY: Final = (
    rb""""notice":{"audio_sha256":"","id":"ntc_","language":"en","text_sha256":"","version":1},"offset":0.0,"""
    rb""""length":4.0},{"id":"told_","party":"caller","answer":"declined","withdrawn","method":"speech","form","key","""
    rb""""tone","heard_at":"","told_by":"conn_","consent":[{"answer":"announced","at":"","heard_at":"","id":"told_","""
    rb""""length":4.0,"method":"announcement","notice":{"party":"callee","told_by":"key_"}],"event":{"restriction","""
    rb""""rectification","restricted":true,"by":"key_","reason":"","refusal","release","kind":"consent",United """
    rb"""States,"source":"18 U.S.C. \u00a7 2511(2)(d) Penal Code Stat. Ann. Gen. Laws \u00a7\u00a7 France (FR) """
    rb"""The European Union (EU) Spain (ES) Austria (AT) The United Kingdom (GB) California (US-CA) An unknown """
    rb"""state of the United States (US) Germany (DE) asks for a notice. Sources disagree on it. No default is """
    rb"""shipped for it: the account must choose; until then the strict rule applies. asks for an explicit yes """
    rb"""of all parties."},{"code":"policy_mode","source":"consent-policy","text":"The account's policy requires """
    rb"""more than the law of the parties' places."}{"code":"switched_off_since_receipt","text":"Recording was """
    rb"""switched off after this recording was received."}{"code":"objection","source":"objections","text":"A """
    rb"""party of this call must not be recorded: objection since "},{"code":"consent_missing","source":"consent","""
    rb""""text":"The caller did not consent explicitly, which is required """
    rb"""here."},{"code":"captured_before_consent","source":"consent","text":"Recording began before the callee """
    rb"""was asked, which is not allowed here."},{"code":"notice_outside_recording","source":"consent","""
    rb""""text":"The notice to the callee cannot be heard in the recording, which is required """
    rb"""here."},{"code":"tone_not_accepted","source":"consent","text":"The caller heard only a tone, which is """
    rb"""not enough here."},{"code":"notice_missing","source":"consent","text":"There is no evidence of a notice """
    rb"""to the caller."},{"code":"released","source":"consent-policy","text":"An admin released it from """
    rb"""quarantine."}{"code":"accepted_without_evidence","source":"consent-policy","text":"The account accepts """
    rb"""recordings without this evidence."}],{"code":"no_notice_needed","source":null,"text":"No notice is """
    rb"""needed."}],{"code":"evidence_complete","source":null,"text":"All required notices and answers are on """
    rb"""record."}],{"code":"switch_on","source":"recording-switch","text":"Recording is switched """
    rb"""on."},{"code":"place_unknown","source":null,"text":"The place of the caller is unknown, so the strict """
    rb"""rule applies."},{"code":"place_by_prefix","source":null,"text":"The callee is assumed to be in US, from """
    rb"""the number's prefix (a hint)."},{"code":"rule","source":null,"text":"An unknown place (*) asks for the """
    rb"""consent of one party."},{"code":"rule","source":null,"text":"Germany (DE) asks for the consent of all """
    rb"""parties."},{"v":1,"sha256":"","facts":{"v":1,"call_ref":"","direction":"outbound","caller":"+1","""
    rb""""callee":"+44","started_at":"2026-12-01T10:00:00Z","answered_at":"2027-01-02T09:00:00+00:00","""
    rb""""ended_at":"2026-11-29T","agent":"","caller_place":"US-","callee_place":"US-","language":"en"},"""
    rb""""statements":[{"v":2,"account":"acct_","at":"2026-11-30T08:00:00.000000Z","before":"","call":{"agent":"","""
    rb""""answered_at":"2026-12-","call_ref":"","callee":"+49","caller":"+49","direction":"inbound","""
    rb""""ended_at":"2026-12-01T10:00:00Z","started_at":"2026-12-01T10:00:00Z"},"consent":[],"decision":{"""
    rb""""epoch":1,"mode":"announce","opt_in_key","tone","places":[{"known_by":"said","account","party":"caller","""
    rb""""place":"US"},{"known_by":"nothing","party":"agent","place":null},{"known_by":"prefix","party":"caller","""
    rb""""place":"DE"},{"known_by":"prefix","party":"callee","place":"DE"}],"policy_version":0,"""
    rb""""position":"before_and_inside","inside","before","any","reasons":[{"code":"}],"rule_book":"2026.11.1","""
    rb""""verdict":"quarantine","allow"},"kind":"facts","kind":"sealing","recording":"rec_","""
    rb""""v":2}"at":"2026-11-30T08:00:00.000000Z","before":"","decision":{"epoch":1,"mode":"none","""
    rb""""places":["kind":"gate","recording":"rec_","""
)


def deflate(text: bytes) -> bytes:
    """Return the deflated form of a JSON object; the object itself if it is longer than MAX_DEFLATED."""
    if len(text) > MAX_DEFLATED:
        return text
    writer = zlib.compressobj(
        level=zlib.Z_BEST_COMPRESSION, wbits=_WINDOW_BITS, memLevel=_MEMORY, zdict=DICTIONARY
    )
    return writer.compress(text) + writer.flush()


def inflate(data: bytes) -> bytes:
    """Return the JSON object of either form. Raises Tampered for a stream that ``deflate`` does not write."""
    if data.startswith(b"{"):
        return data
    reader = zlib.decompressobj(zdict=DICTIONARY)
    try:
        text = reader.decompress(data, MAX_DEFLATED + 1)
    except zlib.error as error:
        raise Tampered("A deflated text is not one that the vault writes.") from error
    if not reader.eof or reader.unused_data or len(text) > MAX_DEFLATED:
        raise Tampered("A deflated text has no end, or bytes after it, or is too long.")
    return text
