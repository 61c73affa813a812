"""Hand-over of calls to CRMs: the acceptance cases by their numbers, on both databases with a CRM in memory.

Each system goes its whole way against its simulated counterpart in ``test_systems``.

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
| 38 | ``test_outcomes``: no write without its entry, and a process that dies |

``test_access_answer``: what the answer to a request of access says. 30 is of doorways, and 32 to 37 are of events.
"""
