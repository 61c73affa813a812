"""The 42 acceptance cases of retention, holds and the rights of people: what each runs on, and which tests show it.

A case whose effect reaches the object store runs on each pair of a database and a store; what only a database decides
runs on both databases, without a store; a lock on an object is that of the Ceph gateway, beside a store in memory; what
is computed alone needs neither.
"""

from collections.abc import Mapping

import pytest

ON_CEPH = [pytest.mark.proof, pytest.mark.ceph, pytest.mark.xdist_group("ceph")]
#: Every kind of database and of object store in three pairs, instead of in each combination.
PAIRS = [
    "sqlite-directory",
    pytest.param("postgresql-moto", marks=[pytest.mark.proof, pytest.mark.postgresql]),
    pytest.param("postgresql-ceph", marks=[pytest.mark.postgresql, *ON_CEPH]),
]
#: What a test runs on, as it is named in the table: nothing, a database beside a store in memory, or a pair.
PURE = frozenset({"none"})
DATABASES = frozenset({"sqlite", "postgresql"})
STORES = frozenset(one if isinstance(one, str) else str(one.values[0]) for one in PAIRS)
LOCKS = frozenset({"sqlite-ceph", "postgresql-ceph"})
_HOLDS, _POLICY, _SWEEP, _CLOCKS, _LOCKED, _CEPH = (
    f"services/retention/test_{name}.py"
    for name in ("holds", "policy", "sweep_due", "clocks", "object_locks", "object_locks_ceph")
)
_RESTORED = "services/retention/test_holds_restored.py"
_REQUESTS = "services/requests"
#: By number: what is given and what follows, what its tests run on, and the tests, each as file and function.
CASES = {
    1: (
        "a DELETE under a hold is 409 held, and nothing is touched",
        STORES,
        (_HOLDS, "test_a_held_recording_is_not_erased"),
    ),
    2: (
        "a sweep beside holds and releases erases nothing under a hold that came first",
        DATABASES,
        ("services/retention/test_hold_races.py", "test_a_hold_and_an_erasure_at_once"),
        (_SWEEP, "test_a_held_recording_costs_the_sweep_nothing_until_its_hold_ends"),
    ),
    3: (
        "of two holds one is released: still held",
        DATABASES | LOCKS,
        (_HOLDS, "test_of_two_holds_the_other_goes_on"),
        (_LOCKED, "test_a_hold_is_a_legal_hold_while_it_lasts"),
        (_CEPH, "test_a_hold_sets_and_clears_the_legal_hold"),
    ),
    4: (
        "a withdrawal under a hold restricts immediately, and erases later",
        DATABASES,
        (_HOLDS, "test_a_withdrawal_under_a_hold_restricts_at_once_and_waits"),
    ),
    5: (
        "a hold by number holds a later call from its gate on",
        DATABASES,
        (_HOLDS, "test_a_hold_by_number_binds_a_call_that_comes_later"),
    ),
    6: (
        "a quarantined recording is held by number, not by id",
        DATABASES,
        (_HOLDS, "test_a_recording_that_is_not_available_is_held_by_its_call_or_number"),
    ),
    7: (
        "the switch passes over a hold in flight",
        DATABASES,
        (_HOLDS, "test_the_switch_passes_over_a_hold_in_flight"),
    ),
    8: (
        "a release needs preview, second key and grace",
        DATABASES,
        (_HOLDS, "test_a_release_needs_a_preview_a_second_key_and_its_grace"),
    ),
    9: (
        "an old backup learns the hold before a sweep",
        STORES,
        (_RESTORED, "test_an_old_backup_learns_the_hold_before_it_serves"),
    ),
    10: (
        "what the log says was erased is not resurrected",
        STORES,
        (_RESTORED, "test_what_the_log_says_was_erased_stays_so_under_a_restored_hold"),
    ),
    11: (
        "a legal minimum refuses a person's erasure, and restricts",
        STORES,
        (f"{_REQUESTS}/test_kinds.py", "test_case_11_a_legal_minimum_keeps_and_restricts"),
    ),
    12: (
        "a business minimum does not",
        STORES,
        (f"{_REQUESTS}/test_kinds.py", "test_case_12_a_business_minimum_does_not_stop_a_person"),
    ),
    13: (
        "a minimum above a maximum is 409 until it is decided",
        DATABASES,
        (_POLICY, "test_a_minimum_above_a_maximum_is_refused_until_it_is_decided"),
    ),
    14: (
        "what the notice told is kept to, unless a reason is given",
        DATABASES | PURE,
        (_POLICY, "test_case_14_what_callers_were_told_is_kept_to_unless_a_reason_is_given"),
        (
            "domain/test_retention_judge.py",
            "test_what_the_caller_was_told_is_a_maximum_unless_the_policy_gives_a_reason",
        ),
    ),
    15: (
        "what shortens needs a fresh preview, and waits",
        DATABASES,
        (_POLICY, "test_what_shortens_needs_a_preview_and_waits"),
    ),
    16: (
        "a longer policy keeps from the moment its put returned",
        DATABASES,
        (_SWEEP, "test_a_longer_policy_keeps_from_the_moment_it_is_set"),
    ),
    17: (
        "an unreadable policy erases nothing",
        DATABASES,
        (_SWEEP, "test_a_policy_that_cannot_be_read_erases_nothing"),
    ),
    18: (
        "a node ten years ahead erases nothing",
        DATABASES,
        (_CLOCKS, "test_a_node_ten_years_ahead_erases_nothing_early"),
    ),
    19: (
        "node and database ten years ahead: clock_jump, and resume",
        DATABASES | STORES,
        (
            _CLOCKS,
            "test_all_clocks_but_the_stores_ten_years_ahead_pause_the_sweep",
        ),
        (_CLOCKS, "test_case_19_a_real_store_is_the_witness"),
    ),
    20: (
        "a clock back by a day: nothing twice",
        DATABASES,
        (_CLOCKS, "test_a_clock_that_goes_back_a_day_pauses_the_sweep"),
    ),
    21: (
        "the sweep is a search of its index",
        DATABASES,
        ("services/retention/test_sweep_plans.py", "test_a_batch_is_a_search_of_its_index"),
    ),
    22: (
        "a run ends at its cap, and the residue is counted or null",
        DATABASES,
        (_SWEEP, "test_a_run_erases_no_more_than_its_cap"),
        (_SWEEP, "test_a_residue_that_cannot_be_counted_is_unknown_and_not_zero"),
    ),
    23: (
        "seven years from a leap day, in any zone",
        PURE,
        (
            "domain/test_retention_periods.py",
            "test_seven_years_from_a_leap_day_end_at_a_midnight_of_the_zone",
        ),
    ),
    24: (
        "a late fact moves the base",
        DATABASES,
        (_POLICY, "test_a_late_fact_lets_the_terms_be_computed_again"),
    ),
    25: (
        "an erasure under a compliance lock ends, and the object leaves later",
        DATABASES | LOCKS,
        (
            _CEPH,
            "test_an_erasure_under_a_compliance_lock_ends_and_the_object_leaves_later",
        ),
        (_LOCKED, "test_an_erasure_under_a_lock_ends"),
    ),
    26: (
        "a lock that cannot be read back is unknown",
        LOCKS,
        (_CEPH, "test_a_lock_that_cannot_be_read_back_is_unknown"),
    ),
    27: (
        "every version and marker is gone, and counted",
        STORES,
        (f"{_REQUESTS}/test_receipts.py", "test_case_27_every_version_and_marker_is_gone_and_counted"),
    ),
    28: (
        "a crash at any write does nothing twice",
        STORES,
        (f"{_REQUESTS}/test_remains.py", "test_case_28_a_crash_at_any_write_does_nothing_twice"),
    ),
    29: (
        "a receipt is refused after any byte was changed",
        STORES,
        (
            f"{_REQUESTS}/test_receipt_bytes.py",
            "test_case_29_a_receipt_is_refused_after_any_byte_was_changed",
        ),
    ),
    30: (
        "salt and number match the commitment, nothing else does",
        STORES,
        (f"{_REQUESTS}/test_receipts.py", "test_case_30_the_salt_and_the_number_match_and_nothing_else_does"),
    ),
    31: (
        "the person's own channel of each call",
        STORES,
        (f"{_REQUESTS}/test_packages.py", "test_case_31_each_call_gives_the_persons_own_channel"),
    ),
    32: (
        "consultations with dates and purposes, no listener",
        STORES,
        (f"{_REQUESTS}/test_packages.py", "test_case_32_consultations_have_dates_and_no_listener"),
    ),
    33: (
        "a number in any spelling, recordings in every state",
        DATABASES,
        (f"{_REQUESTS}/test_search.py", "test_case_33_a_number_in_any_spelling_finds_the_same"),
        (f"{_REQUESTS}/test_search.py", "test_case_33_recordings_in_every_state_are_found"),
    ),
    34: (
        "a gap is pointed out, and nothing of another holder is erased",
        DATABASES | PURE,
        (f"{_REQUESTS}/test_search.py", "test_case_34_a_gap_is_pointed_out_and_nothing_is_erased"),
        ("domain/test_request_decisions.py", "test_case_34_what_may_be_anothers_is_not_erased_or_given"),
        (f"{_REQUESTS}/test_search.py", "test_a_spelling_that_can_be_somebody_elses_is_shown_apart"),
    ),
    35: (
        "each regime has its own clock",
        PURE,
        ("domain/test_request_deadlines.py", "test_case_35_each_regime_has_its_own_clock"),
    ),
    36: (
        "an extension told too late is refused",
        PURE,
        (
            "domain/test_request_deadlines.py",
            "test_case_36_an_extension_told_after_the_first_deadline_is_too_late",
        ),
    ),
    37: (
        "the same request twice is one",
        DATABASES,
        (f"{_REQUESTS}/test_search.py", "test_case_37_the_same_request_twice_is_one"),
    ),
    38: (
        "a restriction is lifted after the person was told; legal claims alone play",
        DATABASES | STORES,
        (f"{_REQUESTS}/test_kinds.py", "test_case_38_a_restriction_is_lifted_only_after_the_person_was_told"),
        (
            "services/playback/test_legal_claims.py",
            "test_case_38_a_restricted_recording_plays_for_legal_claims_alone",
        ),
    ),
    39: (
        "a vCon is valid, with the hashes of its audio",
        STORES,
        (f"{_REQUESTS}/test_packages.py", "test_case_39_a_vcon_is_valid_and_has_the_hash_of_its_audio"),
    ),
    40: (
        "no number is left in clear, and the receipt says what stays",
        STORES | {"sqlite"},
        (f"{_REQUESTS}/test_remains.py", "test_case_40_no_number_is_left_in_clear"),
        ("faults/test_erase_by_number.py", "test_nothing_of_an_erased_person_is_in_clear_anywhere"),
    ),
    41: (
        "a closed account ends in order, with one receipt",
        STORES,
        (f"{_REQUESTS}/test_closure.py", "test_case_41_a_closed_account_ends_in_order"),
    ),
    42: (
        "a preservation is a hold that ends by its release",
        DATABASES,
        ("web/test_registers.py", "test_case_42_a_preservation_is_a_hold_that_ends_by_its_release_alone"),
    ),
}


def tests_of_cases() -> Mapping[tuple[str, str], list[int]]:
    """Return the numbers of the cases that each test shows, by its file and name."""
    found: dict[tuple[str, str], list[int]] = {}
    for number, (_, _, *shown) in CASES.items():
        for test in shown:
            found.setdefault(test, []).append(number)
    return found


def place_of(item: pytest.Function) -> str:
    """Return what a collected test of a case runs on."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    pair = params.get("pair") or params.get("place")
    if pair is not None:
        return str(pair)
    database = (
        params.get("database")
        or params.get("on_either")
        or ("sqlite" if "house" in item.fixturenames else "")
    )
    if not database:
        return "none"
    return f"{database}-ceph" if "ceph" in item.fixturenames else str(database)
