"""Encryption contexts: they bind each ciphertext to its row or object, so that none can replace another.

The context is stored in plaintext beside the ciphertext, so it contains only random ids.
"""

from typing import Literal

from vault.domain.stored.account_object_name import LogState

Context = dict[str, str]
Purpose = Literal["audio", "rendition", "details", "waveform", "evidence"]


def of_recording(account_id: str, recording_id: str, purpose: Purpose, evidence: str) -> Context:
    """Bind a recording's part to its account, its recording and the digest of its evidence (hex)."""
    return {"account_id": account_id, "recording_id": recording_id, "purpose": purpose, "evidence": evidence}


def of_account_key(account_id: str, version: int) -> Context:
    """Bind a version of an account key to its account and version number."""
    return {"account_id": account_id, "key_version": str(version), "purpose": "account-key"}


def of_log_key(vault_id: str) -> Context:
    """Bind the key that signs checkpoints to its vault."""
    return {"vault_id": vault_id, "purpose": "log-key"}


def of_peer_key(account_id: str) -> Context:
    """Bind another vault's key for links to the account that came from there."""
    return {"account_id": account_id, "purpose": "peer-key"}


def of_recording_key(account_id: str, recording_id: str) -> Context:
    """Bind a wrapped recording key to its recording."""
    return {"account_id": account_id, "recording_id": recording_id, "purpose": "recording-key"}


def of_index_key(account_id: str) -> Context:
    """Bind a wrapped index key to its account."""
    return {"account_id": account_id, "purpose": "index-key"}


def of_detail_key(account_id: str, number: int) -> Context:
    """Bind a wrapped detail key to its account and number."""
    return {"account_id": account_id, "number": str(number), "purpose": "detail-key"}


def of_month_key(account_id: str, key_id: str) -> Context:
    """Bind a wrapped month key to its account and its id, which begins with the month."""
    return {"account_id": account_id, "month_key": key_id, "purpose": "month-key"}


def of_announcement(account_id: str, recording_id: str) -> Context:
    """Bind an announced media URL to its recording."""
    return {"account_id": account_id, "recording_id": recording_id, "purpose": "announcement"}


def of_call_fact(account_id: str, fact_id: str) -> Context:
    """Bind one call fact to its row."""
    return {"account_id": account_id, "fact_id": fact_id, "purpose": "call-fact"}


def of_note(account_id: str, recording_id: str, note_id: str) -> Context:
    """Bind a note to its recording and its row."""
    return {"account_id": account_id, "recording_id": recording_id, "note_id": note_id, "purpose": "note"}


def of_consent_event(account_id: str, event_id: str) -> Context:
    """Bind a consent event to its row."""
    return {"account_id": account_id, "event_id": event_id, "purpose": "consent-event"}


def of_objection(account_id: str, objection_id: str) -> Context:
    """Bind the number of an objection to its row."""
    return {"account_id": account_id, "objection_id": objection_id, "purpose": "objection"}


def of_prompt(account_id: str, notice_id: str) -> Context:
    """Bind the audio of a notice to its row."""
    return {"account_id": account_id, "notice_id": notice_id, "purpose": "prompt"}


def of_request(account_id: str, request_id: str) -> Context:
    """Bind the personal data of a request to its row."""
    return {"account_id": account_id, "request_id": request_id, "purpose": "request"}


def of_receipt(account_id: str, request_id: str) -> Context:
    """Bind the receipt of a request to its row."""
    return {"account_id": account_id, "request_id": request_id, "purpose": "receipt"}


def of_request_object(account_id: str, request_id: str) -> Context:
    """Bind the object of a closed request to its row."""
    return {"account_id": account_id, "request_id": request_id, "purpose": "request-object"}


def of_package_key(account_id: str, request_id: str) -> Context:
    """Bind the wrapped key of a package to its request."""
    return {"account_id": account_id, "request_id": request_id, "purpose": "package-key"}


def of_package(account_id: str, request_id: str) -> Context:
    """Bind a package to its request."""
    return {"account_id": account_id, "request_id": request_id, "purpose": "package"}


def of_register_entry(account_id: str, entry_id: str) -> Context:
    """Bind an entry of a register to its row."""
    return {"account_id": account_id, "entry_id": entry_id, "purpose": "register-entry"}


def of_account_object(account_id: str, revision: int, log: LogState | None) -> Context:
    """Bind an account's object to its account, its revision and the state of the log.

    Objects of earlier releases have no ``log``.
    """
    context = {"account_id": account_id, "revision": str(revision), "purpose": "account-object"}
    return context if log is None else context | {"log_size": str(log.size), "log_root": log.root.hex()}


def of_credentials(account_id: str, name: str) -> Context:
    """Bind a connection's credentials to its name, which is unique in the account."""
    return {"account_id": account_id, "connection": name, "purpose": "credentials"}


def of_listener(account_id: str, link_id: str) -> Context:
    """Bind a listener's name to its link."""
    return {"account_id": account_id, "link_id": link_id, "purpose": "listener"}


def of_words(account_id: str, what: str) -> Context:
    """Bind free text from a user to its account and its kind ``what``, such as ``policy-reason``."""
    return {"account_id": account_id, "purpose": f"words/{what}"}


def of_event_detail(account_id: str, event_id: str) -> Context:
    """Bind an access event's detail to its event."""
    return {"account_id": account_id, "event_id": event_id, "purpose": "access-detail"}
