"""What may still be done to an account whose closure has begun; all else that writes is refused (``account_closed``).

Both doors ask here, by the name of the route's function: REST where it finds the account of a path
(``vault/web/http/auth.py``), and the console where it does (``vault/web/console/access.py``). So what is not named here
is refused, also an operation that is added later. What was approved is carried out later, and asks for itself
(``vault/services/approvals/execute_approval.py``).
"""

from collections.abc import Mapping
from typing import Final

from fastapi import Request

from vault.domain.requests.request import RequestState
from vault.errors import AccountClosed

_READS: Final = frozenset({"GET", "HEAD"})
_NOTHING: Final = "changes nothing"
_ITSELF: Final = "answers about a closed account itself, and stores nothing that was not stored"
_ENDS: Final = "ends, erases or takes away"
_ANSWERS: Final = "brings a request to its end that was received before"
_KEYS: Final = "keys of what stays, which somebody must be able to read"
#: Also when the closure is fulfilled: each operation, and why.
ALWAYS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("post_link_check", "post_release_preview", "post_retention_preview"), _NOTHING),
    **dict.fromkeys(
        ("put_account", "put_switch", "post_closure", "delete_closure", "put_call", "post_consent"), _ITSELF
    ),
    **dict.fromkeys(
        (
            "delete_connection", "delete_call", "delete_recording", "delete_recording_note", "delete_objection",
            "delete_request_callback", "delete_notice", "delete_prompt", "retire_notice", "delete_link",
            "post_revocation", "post_link_cut", "delete_link_key", "delete_hold", "post_recipient_end",
            "delete_sign_in_connection", "post_removal", "delete_console_session", "post_approval", "put_restriction",
            "delete_key", "delete_event_endpoint", "delete_console_sessions", "delete_provisioning",
            "delete_provisioning_token", "post_integration_pause", "post_integration_end",
        ),
        _ENDS,
    ),
    **dict.fromkeys(
        (
            "post_request_verification", "post_request_pause", "post_request_resume", "post_request_extension",
            "post_request_decision", "post_request_withdrawal",
        ),
        _ANSWERS,
    ),
    **dict.fromkeys(("post_key_rotation", "put_own_key", "post_key"), _KEYS),
}  # fmt: skip
#: While the closure is carried out: holds and minima may keep recordings for years.
UNTIL_FULFILLED: Final[Mapping[str, str]] = {
    "post_hold": "keeps what is not erased yet",
    "delete_restriction": "lets what a hold keeps be downloaded",
    "put_retention_policy": "says how long the closure keeps what it keeps",
    **dict.fromkeys(
        ("post_contact_end", "post_contact_end_withdrawal"),
        "is about recordings that are kept, and goes with them",
    ),
    "post_request": "a person may ask for what is kept",
    **dict.fromkeys(
        ("post_authority_request", "patch_authority_request"), "an authority may ask for what is kept"
    ),
}
#: Forms of the console, with the operation of REST whose rule is theirs; None: it changes nothing.
FORMS: Final[Mapping[str, str | None]] = {
    **dict.fromkeys(
        ("post_search", "find_disclosures", "look_up_number", "verify_file", "download_package", "check_decision",
         "post_preview", "show_release_preview", "show_policy_preview"),
    ),
    "change_account": "put_account",
    "post_switch": "put_switch",
    "ask_for_closure": "post_closure",
    "take_closure_back": "delete_closure",
    "delete_connection_page": "delete_connection",
    "delete_link_key_page": "delete_link_key",
    "make_link_cut": "post_link_cut",
    "post_revocation": "post_revocation",
    "post_link_revocation": "delete_link",
    "post_restriction": "put_restriction",
    "post_erasure": "delete_recording",
    "post_hold": "post_hold",
    "place_hold": "post_hold",
    "ask_for_release": "delete_hold",
    "decide_approval": "post_approval",
    "end_objection": "delete_objection",
    "remove_notice_audio": "delete_prompt",
    "retire_notice_page": "retire_notice",
    "delete_draft": "delete_notice",
    "end_recipient": "post_recipient_end",
    "enter_authority_request": "post_authority_request",
    "answer_authority_request": "patch_authority_request",
    "enter_request": "post_request",
    "record_identity": "post_request_verification",
    "pause_request": "post_request_pause",
    "resume_request": "post_request_resume",
    "extend_request": "post_request_extension",
    "withdraw_request": "post_request_withdrawal",
    "decide_request": "post_request_decision",
    "remove_callback": "delete_request_callback",
    "set_retention_policy": "put_retention_policy",
    "rotate_key": "post_key_rotation",
    "use_own_key": "put_own_key",
    "make_key": "post_key",
    "revoke_key": "delete_key",
    "end_provisioning": "delete_provisioning",
    "revoke_provisioning_token": "delete_provisioning_token",
    "end_session": "delete_console_session",
    "end_sessions_of_member": "delete_console_sessions",
    "remove_member": "post_removal",
    "delete_sign_in_connection_page": "delete_sign_in_connection",
}  # fmt: skip


def check_open(request: Request, closure: RequestState | None, *, is_form: bool = False) -> None:
    """Raise AccountClosed if the closure in this state forbids what the request's route does.

    ``closure``: the state of the account's closure if it has begun. ``is_form``: the route is one of the console.
    """
    if closure is None or request.method in _READS:
        return
    name: str | None = request.scope["endpoint"].__name__
    if is_form:
        name = FORMS.get(str(name), "")
    allowed = name is None or name in ALWAYS
    if not allowed and (closure is RequestState.FULFILLED or name not in UNTIL_FULFILLED):
        raise AccountClosed
