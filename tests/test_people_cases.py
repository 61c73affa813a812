"""The acceptance cases of console, sign-in, approvals and signed links in one table: which tests show each of them."""

import pytest

from tests.support.case_table import missing

_CONSOLE = "web/console"
_PAGES, _SIGN_IN, _PROVIDER, _DOORS, _ACCESS, _RECORDINGS = (
    f"{_CONSOLE}/test_{name}.py"
    for name in ("pages", "sign_in", "provider_sign_in", "here", "access", "recordings")
)
_LIES, _PEOPLE = "services/sign_in/test_identity_providers.py", "services/sign_in/test_sign_in.py"
_APPROVALS, _APPROVERS = "services/approvals/test_approvals.py", "services/approvals/test_people.py"
_TOKEN, _NODES, _LINKS = (
    "domain/test_signed_token.py",
    "services/playback/test_signed_links.py",
    "web/test_signed_links.py",
)
_DIRECTORY, _PASSKEYS = (f"services/sign_in/test_{name}.py" for name in ("provisioning", "passkeys"))
_BELIEVED = (_LIES, "test_a_provider_is_believed_only_where_the_specification_says_so")
_STATE = (_PROVIDER, "test_a_state_is_good_for_its_browser_and_its_connection")
_REFUSED = (_PROVIDER, "test_a_refusal_says_why_and_is_logged")
_FORMS = (_SIGN_IN, "test_a_form_of_another_site_does_nothing")
_WEAK = (_TOKEN, "test_weak_keys_are_refused")
_TIMES = (_TOKEN, "test_times_are_whole_seconds_within_the_longest_life")
_ANOTHER_KEY = (_APPROVALS, "test_who_asked_cannot_approve_under_another_key")
#: By number: what is given and what follows, and the tests, each as file and function.
CASES = {
    1: (
        "every page works without scripts, and keeps the policy with them",
        (_PAGES, "test_a_call_is_found_and_heard_without_scripts"),
        (_PAGES, "test_a_page_keeps_the_policy_and_is_accessible"),
    ),
    2: (
        "without Sec-Fetch headers the own form passes, and one of another origin is 403",
        _FORMS,
        (_SIGN_IN, "test_an_origin_is_written_as_browsers_do"),
    ),
    3: (
        "the cookie opens nothing of REST, and no key opens the console",
        (_SIGN_IN, "test_cookies_open_no_rest_and_keys_no_console"),
    ),
    4: (
        "a sign-in ends in the console in one go, and a logout comes back",
        ("journeys/test_sign_in_at_a_provider.py", "test_a_person_signs_in_at_a_real_provider"),
    ),
    5: (
        "a session that ended leads to the sign-in, from a page and from a form",
        (_ACCESS, "test_a_session_is_ended_by_another"),
        (_DOORS, "test_without_a_session_every_door_leads_to_the_sign_in"),
    ),
    6: (
        "another account's ids are as if absent",
        (_DOORS, "test_another_account_is_no_page"),
        (f"{_CONSOLE}/test_quarantine.py", "test_ids_of_another_account_are_as_if_absent"),
    ),
    7: (
        "a number that is searched for stands in no address",
        (_RECORDINGS, "test_a_number_stands_in_no_address"),
    ),
    8: (
        "pages neither repeat nor hide a row",
        (_RECORDINGS, "test_more_pages_neither_repeat_nor_hide"),
    ),
    9: (
        "a bulk act names what it leaves out, and runs once",
        (
            f"{_CONSOLE}/test_quarantine.py",
            "test_a_bulk_release_leaves_out_and_names_what_does_not_wait_any_more",
        ),
    ),
    10: ("axe finds nothing", (_PAGES, "test_a_page_keeps_the_policy_and_is_accessible")),
    11: ("no page is stored by the browser", (_SIGN_IN, "test_a_key_opens_the_console_until_it_is_revoked")),
    12: ("the modules of the conformance suite", _BELIEVED, (_LIES, "test_every_lie_has_its_line")),
    13: (
        "alg none, HS256 with a public key, a key of another algorithm, another issuer's token",
        _BELIEVED,
        (_LIES, "test_a_key_is_used_with_its_own_algorithm_alone"),
    ),
    14: (
        "another's state, a used one, a wrong or missing iss",
        _STATE,
        _BELIEVED,
        (_PROVIDER, "test_a_parameter_that_is_there_twice_counts_for_nothing"),
    ),
    15: (
        "rotated keys are found, unknown ones ask once, a redirect is refused",
        (_LIES, "test_keys_that_change_are_found_and_unknown_ones_ask_once"),
        _BELIEVED,
    ),
    16: (
        "the same e-mail is another person; without groups no role; overage is named",
        (_PEOPLE, "test_the_same_e_mail_is_another_person"),
        (_PEOPLE, "test_who_matches_nothing_is_signed_in_and_may_do_nothing"),
        _REFUSED,
    ),
    17: (
        "only a logout token ends sessions and streams, also by the person",
        (_LIES, "test_a_logout_token_is_checked"),
        (_LIES, "test_an_id_token_is_no_logout_token"),
        (_PEOPLE, "test_the_provider_ends_sessions"),
        (_PROVIDER, "test_what_a_person_hears_ends_with_the_session"),
    ),
    18: (
        "nobody approves what he asked for",
        _ANOTHER_KEY,
        (_APPROVERS, "test_a_key_and_a_person_of_one_hand_are_one"),
        (_APPROVERS, "test_who_gave_the_roles_to_himself_does_not_approve"),
    ),
    19: (
        "what changed since it was approved is not done",
        (_APPROVALS, "test_another_effect_is_asked_again"),
        (_APPROVALS, "test_a_row_that_somebody_changed_is_not_carried_out"),
        (_APPROVERS, "test_a_role_lost_before_the_execution_stops_it"),
    ),
    20: (
        "switching the rule off needs two",
        ("services/approvals/test_rules.py", "test_one_tightens_and_two_loosen"),
    ),
    21: (
        "who a directory says has left is out with the answer, everywhere",
        (_DIRECTORY, "test_who_left_has_lost_everything_with_the_answer"),
        (_DIRECTORY, "test_who_left_comes_in_by_no_other_connection"),
    ),
    22: (
        "people without a provider sign in with a passkey, which no wrong device has",
        (_PASSKEYS, "test_an_invited_person_makes_a_passkey_and_signs_in_with_it"),
        (_PASSKEYS, "test_what_a_wrong_device_gets"),
    ),
    23: (
        "a token of each language opens",
        ("test_link_minters.py", "test_a_golden_token_is_read"),
        ("test_link_minters.py", "test_what_a_minter_prints_plays"),
    ),
    24: (
        "no flipped bit and no other spelling opens",
        (_TOKEN, "test_every_changed_bit_and_character_is_refused"),
        (_TOKEN, "test_other_spellings_are_refused"),
        (_TOKEN, "test_the_header_is_exactly_what_it_may_be"),
    ),
    25: (
        "wrong times, lives and missing claims",
        _TIMES,
        (_TOKEN, "test_claims_are_only_those_that_are_known"),
    ),
    26: (
        "another vault's token, another account's recording, another's key",
        (_TOKEN, "test_claims_are_only_those_that_are_known"),
        (_TOKEN, "test_a_key_of_another_cannot_have_signed_it"),
        (_LINKS, "test_walls_between_accounts_hold"),
    ),
    27: (
        "keys of small order cannot be registered",
        _WEAK,
        (_TOKEN, "test_a_weak_key_would_let_anybody_in"),
        ("web/test_link_keys.py", "test_a_key_is_registered_by_its_owner_alone"),
    ),
    28: (
        "one jti with n = 1 is one session over two nodes",
        (_NODES, "test_one_jti_opens_once_over_two_nodes"),
        (_LINKS, "test_a_jti_is_one_link"),
    ),
    29: (
        "a deleted key and a cut hold on every node, and end sessions within one window",
        (_NODES, "test_a_deleted_key_is_dead_on_a_node_that_has_it_in_memory"),
        (_NODES, "test_a_cut_ends_what_another_node_plays_within_one_window"),
        (_LINKS, "test_a_cut_refuses_what_was_minted_before"),
    ),
    30: ("a scanner uses nothing up", (_LINKS, "test_a_scanner_uses_nothing_up")),
    31: (
        "bad tokens cost no statement, and 429 after 60",
        (_NODES, "test_no_forged_token_reaches_the_database"),
        (_LINKS, "test_too_many_wrong_tokens_are_429"),
    ),
    32: (
        "the log proves who let the listener in, and nothing else has the token",
        (_LINKS, "test_the_log_proves_who_let_the_listener_in"),
        ("journeys/test_log_hygiene.py", "test_the_log_names_nobody_and_opens_nothing"),
    ),
    33: (
        "a good token does not open what is closed",
        (_LINKS, "test_recordings_that_cannot_be_played_stay_closed"),
    ),
}
#: Wrong input by its name.
BAD_INPUT = {
    "a form of another origin": (_FORMS,),
    "a stolen state": (_STATE,),
    "a token of another account's provider": (_REFUSED, _BELIEVED),
    "an ID token without signature": (_REFUSED, _BELIEVED),
    "groups left out by overage": (_REFUSED, _BELIEVED),
    "a key of small order": (_WEAK,),
    "exp in milliseconds": (_TIMES, _REFUSED),
    "alg none": ((_TOKEN, "test_the_header_is_exactly_what_it_may_be"), _BELIEVED),
    "duplicate members": ((_TOKEN, "test_claims_are_only_those_that_are_known"), _REFUSED),
    "a token of 1 MB": ((_TOKEN, "test_a_long_token_is_refused_before_any_work"), _REFUSED),
    "an approver who asked under another key": (_ANOTHER_KEY,),
    "a session after its role was taken": (
        (_PROVIDER, "test_a_role_that_was_taken_shows_nothing_at_the_next_request"),
        (f"{_CONSOLE}/test_people.py", "test_a_changed_limit_holds_at_the_next_request"),
    ),
    "script and markup in texts": (
        (_PAGES, "test_a_page_keeps_the_policy_and_is_accessible"),
        (_RECORDINGS, "test_opening_a_recording_is_logged_and_shows_its_story"),
    ),
    "10,000 wrong sign-ins": (
        (f"{_CONSOLE}/test_wrong_sign_ins.py", "test_ten_thousand_wrong_sign_ins_leave_nothing"),
    ),
}


def test_there_are_33_cases() -> None:
    """None is left out."""
    assert sorted(CASES) == list(range(1, 34))


@pytest.mark.parametrize("number", CASES)
def test_a_case_has_its_tests(number: int) -> None:
    """A test that is renamed or removed is missed here."""
    words, *shown = CASES[number]
    assert words
    assert shown
    assert missing(shown) == []


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_has_its_tests(name: str) -> None:
    """As above."""
    assert missing(BAD_INPUT[name]) == []
