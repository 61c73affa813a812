"""Hand-over of calls to CRMs: the acceptance cases by their numbers, on both databases with a CRM in memory.

Each system goes its whole way against its simulated counterpart in ``test_systems``, and as its section of the page
says in ``test_systems_page``.

| case | test |
|---|---|
| 1, 2, 3 | ``test_outcomes``: twice available, a lost answer, a search that lags; 2 and 3 also in ``test_systems`` |
| 2 | ``test_unconfirmed``: where the probe is refused |
| 4, 5, 6 | ``test_outcomes``: erased while it is written or looked up, before it is sent, while the system is down |
| 7 | ``test_integrations``: a refused key; ``test_refresh``: a revoked grant |
| 8, 9 | ``test_refresh``: two workers, and one that dies with the new pair |
| 10, 11, 12, 13 | ``test_matching``; 13 where the account wants contacts: ``test_new_contact`` |
| 14, 15, 16 | ``test_outcomes``: merged, gone, refused |
| 17 | ``test_walk`` and ``test_systems``: restricted and lifted |
| 18 | ``test_integrations``: switched off. 19 is 5 and 17: consent restricts and erases as everybody does |
| 20 | ``test_held``: a hold against an erasure |
| 21, 23, 39 | ``test_integrations`` |
| 40 | ``test_earlier_calls``: a back-fill |
| 22 | ``test_walk``: nothing leaves for a system that is not activated |
| 24, 27, 28, 29 | of the adapters: ``tests/crm`` |
| 25, 26 | ``test_outcomes``: a system that asks to wait, a reserve for removals |
| 31 | ``test_registers``: the receipt says what the system keeps; ``test_five_systems``: of each of six systems |
| 38 | ``test_outcomes``: no write without its entry, and a process that dies; each step of it: see below |

``test_access_answer``: what the answer to a request of access says. Those of doorways and events:

30: a doorway that anybody fetches opens nothing and logs nothing
    ``web/test_doorways.py::test_a_doorway_opens_nothing_and_is_always_the_same``
30: who is not signed in is asked to, and strangers get the answer of an unknown id
    ``web/test_doorways.py::test_strangers_and_unknown_ids_get_one_answer``
32: what an erasure overtook says so, whatever came between
    ``services/events/test_waiting_story.py::test_what_a_waiting_event_says``
33: redirects and a name that changes to a private address
    ``services/outbox/test_bad_receivers.py::test_a_receiver_that_fails``
33: mapped addresses, a user, another port
    ``telephony/test_outside.py::test_an_address_inside_is_never_dialled``
34: two libraries verify; a repeat has the id and its own time
    ``services/events/test_verifiers.py::test_the_verifiers_of_the_field``
34: both secrets during the grace, then the new one alone
    ``services/events/test_events.py::test_both_secrets_sign_during_the_grace``
34: the same of hand-over's messages
    ``handover/test_messages.py::test_a_secret_is_replaced_without_a_gap``
35: 410 ends this endpoint alone
    ``services/outbox/test_outbox.py::test_gone_switches_off_this_destination_alone``
35: the others are told
    ``services/events/test_events.py::test_an_endpoint_that_fails_is_told_to_the_others``
36: an account whose receivers hang leaves places to others
    ``services/outbox/test_outbox.py::test_an_account_whose_receivers_all_hang_leaves_places_to_others``
37: an old event about an erased recording is made anew
    ``services/events/test_replay.py::test_what_was_erased_since_says_so``
38: a process is killed in front of each request, before its answer, before that is stored, and behind it
    ``services/outbox/test_handover_kills.py::test_a_killed_creation_leaves_one_record_and_none_after_an_erasure``
38: the same of a removal, and of a refresh of tokens that are valid once
    ``services/outbox/test_handover_kills.py::test_a_killed_removal_is_done``
    ``services/outbox/test_handover_kills.py::test_a_killed_refresh_asks_a_person_at_most``

Of 35, Zapier does not subscribe itself: its hook is entered as a system. ``test_cases`` looks whether each is there.
"""
