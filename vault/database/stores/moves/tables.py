"""Which tables go with an account that moves, in their order, and why the others stay.

Each table of the schema is here once: a test refuses one that is not, so that a new table is not forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Table, select

from vault.database.schema import (
    access_log,
    account_keys,
    accounts,
    approvals,
    calls,
    card_data,
    consent,
    core,
    events,
    handover,
    moves,
    node,
    outbox,
    playback,
    provisioning,
    recording_objects,
    registers,
    requests,
    retention,
    sign_in,
    usage,
)

#: Of a claim: whoever held it worked for the other vault.
_LEASE: Final = ("lease_until", "lease_token")


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A table whose rows go with the account."""

    table: Table
    #: The column that names the account, or that of ``parent``, whose rows do.
    by: str = "account_id"
    parent: Table | None = None
    #: Values at the other vault in place of those here.
    instead: Mapping[str, Any] = field(default_factory=dict)
    #: Columns without a meaning at the other vault, which numbers its rows itself.
    but: frozenset[str] = frozenset()
    #: A condition of those that go.
    only: ColumnElement[bool] | None = None
    #: Whether they also stay, so that whoever asks here is told where the account is.
    stays: bool = False
    #: Whether triggers have made rows of it while others arrived.
    made_by_triggers: bool = False

    def of(self, account_id: str) -> ColumnElement[bool]:
        """Return the condition of the rows of an account."""
        column = self.table.c[self.by]
        if self.parent is None:
            return (column == account_id) if self.only is None else (column == account_id) & self.only
        key = next(iter(self.parent.primary_key))
        return column.in_(select(key).where(self.parent.c.account_id == account_id))


def _carried(table: Table, **more: Any) -> Carried:
    instead = {name: None for name in _LEASE if name in table.c} | more.pop("instead", {})
    return Carried(table=table, instead=instead, **more)


#: Children before their parents: their condition reads the parents, also when they are deleted.
CARRIED: Final = (
    _carried(calls.connection_alerts, by="connection_id", parent=core.connections),
    _carried(requests.person_package_recordings, by="request_id", parent=requests.person_packages),
    _carried(requests.person_restrictions, by="request_id", parent=requests.person_requests),
    # The object of the account is due at the other vault.
    _carried(core.accounts, by="id", instead={"written_revision": -1}),
    _carried(core.switch_changes, but=frozenset({"id"})),
    _carried(core.recordings),
    *map(
        _carried,
        (
            core.connections, core.recording_terms, core.links,
            account_keys.account_keys, account_keys.detail_keys, account_keys.month_keys, account_keys.key_rotations,
            accounts.kept_answers, accounts.account_limits,
            approvals.approvals, approvals.approval_rules,
            calls.call_changes, calls.call_facts, calls.call_metadata, calls.call_metadata_terms, calls.call_terms,
            calls.connection_deliveries,
            card_data.card_data_back_fills, card_data.card_data_policies, card_data.recording_pauses,
            card_data.redaction_proposals,
            consent.consent_events, consent.consent_policies, consent.evidence_entries, consent.notices,
            consent.objection_terms, consent.objections, consent.pauses,
            events.event_polls, events.event_sequences, events.outward_events,
            handover.handovers,
            outbox.outbox_attempts, outbox.outbox_destinations, outbox.outbox_messages,
            playback.access_hours, playback.link_cuts, playback.link_keys, playback.recording_notes,
            provisioning.provisioning, provisioning.provisioning_tokens, provisioning.provisioned_groups,
            provisioning.provisioned_members, provisioning.provisioned_users,
            recording_objects.object_checks,
            registers.register_entries,
            requests.person_packages, requests.person_request_terms,
            requests.request_callbacks, requests.request_deliveries,
            retention.contact_ends, retention.holds, retention.pending_call_erasures, retention.pending_erasures,
            retention.previews,
            retention.retention_policies, retention.retention_runs,
            sign_in.member_invitations, sign_in.passkeys, sign_in.sign_in_connections,
            sign_in.sign_in_roles, sign_in.step_ups,
        ),
    ),
    _carried(accounts.api_keys, stays=True),
    # Their objects are due at the other vault.
    _carried(requests.person_requests, instead={"stored_under": None}),
    # What nothing else contains; the others are settled, and in the rows of what they closed.
    _carried(
        access_log.closing_acts,
        only=access_log.closing_acts.c.act.is_not(None),
        instead={"stored": False, "log_size": None},
    ),
    _carried(sign_in.people),
    # NULL: it begins with the next reading of the log, which is another one there.
    _carried(events.event_endpoints, instead={"from_index": None}),
    _carried(handover.integrations, instead={"from_index": None}),
    # Triggers count the recordings that arrive once more.
    _carried(usage.usage_changes, but=frozenset({"position"}), made_by_triggers=True),
    _carried(usage.usage_days, made_by_triggers=True),
)  # fmt: skip

_LOG: Final = "A log is append-only: its entries stay where they were written."
_SESSION: Final = "People sign in, and open their links, again."
_NODE: Final = "It is about this vault and its nodes."
_MOVE: Final = "It is about the move itself."
#: Why the rows of the other tables stay.
LEFT: Final[Mapping[Table, str]] = {
    **dict.fromkeys(
        (core.access_events, access_log.event_outbox, access_log.tree_nodes, access_log.tree_head,
         access_log.checkpoints, access_log.publication, access_log.unsettled_sessions),
        _LOG,
    ),
    **dict.fromkeys(
        (core.sessions, accounts.console_sessions, accounts.console_invitations, accounts.console_searches,
         sign_in.sign_in_attempts),
        _SESSION,
    ),
    **dict.fromkeys(
        (access_log.log_allowances, calls.call_change_base, events.events_published, handover.handovers_read,
         node.turns, node.vault_metadata),
        _NODE,
    ),
    **dict.fromkeys(
        (moves.account_moves, moves.arriving_rows, moves.moved_addresses),
        _MOVE,
    ),
}  # fmt: skip

#: What addresses contain that lead to an account without its name.
ADDRESSES: Final[tuple[tuple[Table, Column[Any]], ...]] = (
    (core.connections, core.connections.c.id),
    (core.links, core.links.c.token_hash),
    (consent.notices, consent.notices.c.id),
    (playback.link_keys, playback.link_keys.c.id),
    (sign_in.sign_in_connections, sign_in.sign_in_connections.c.id),
)
