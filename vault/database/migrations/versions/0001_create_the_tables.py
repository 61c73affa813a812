"""Create the tables."""

import sqlalchemy as sa
from alembic import op


revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('access_events',
    sa.Column('position', sa.Integer().with_variant(sa.BigInteger(), 'postgresql'), nullable=False),
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=True),
    sa.Column('recording_id', sa.String(), nullable=True),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('sealed_detail', sa.LargeBinary(), nullable=True),
    sa.PrimaryKeyConstraint('position', name=op.f('pk_access_events')),
    sa.UniqueConstraint('id', name=op.f('uq_access_events_id'))
    )
    op.create_index('ix_access_events_recording', 'access_events', ['account_id', 'recording_id', 'position'], unique=False)
    op.create_table('account_keys',
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('wrapped_key', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'version', name=op.f('pk_account_keys'))
    )
    op.create_table('accounts',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('ref', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('locale', sa.String(), nullable=False),
    sa.Column('opened_at', sa.BigInteger(), nullable=False),
    sa.Column('wrapped_index_key', sa.LargeBinary(), nullable=False),
    sa.Column('index_key_version', sa.Integer(), nullable=False),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('changed_at', sa.BigInteger(), nullable=False),
    sa.Column('changed_by', sa.String(), nullable=False),
    sa.Column('revision', sa.BigInteger(), nullable=False),
    sa.Column('written_revision', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_accounts')),
    sa.UniqueConstraint('ref', name=op.f('uq_accounts_ref'))
    )
    op.create_index('ix_accounts_object_due', 'accounts', ['id'], unique=False, sqlite_where=sa.text('revision <> written_revision'), postgresql_where=sa.text('revision <> written_revision'))
    op.create_table('api_keys',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=True),
    sa.Column('scopes', sa.JSON(), nullable=False),
    sa.Column('secret_hash', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('revoked_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_keys'))
    )
    op.create_table('call_facts',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('call_ref', sa.String(), nullable=False),
    sa.Column('delivery', sa.String(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('started_at', sa.BigInteger(), nullable=True),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('sealed_facts', sa.LargeBinary(), nullable=False),
    sa.Column('key_version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_call_facts')),
    sa.UniqueConstraint('account_id', 'delivery', name=op.f('uq_call_facts_account_id_delivery'))
    )
    op.create_index('ix_call_facts_call', 'call_facts', ['account_id', 'call_ref'], unique=False)
    op.create_table('connections',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('sealed_credentials', sa.LargeBinary(), nullable=False),
    sa.Column('key_version', sa.Integer(), nullable=False),
    sa.Column('api_base', sa.String(), nullable=True),
    sa.Column('delete_at_source', sa.Boolean(), nullable=False),
    sa.Column('delete_refused', sa.Boolean(), nullable=False),
    sa.Column('collect_from', sa.BigInteger(), nullable=False),
    sa.Column('next_url', sa.String(), nullable=True),
    sa.Column('pause_refused', sa.Boolean(), nullable=False),
    sa.Column('reconciled_until', sa.BigInteger(), nullable=False),
    sa.Column('reconcile_not_before', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_connections')),
    sa.UniqueConstraint('account_id', 'name', name=op.f('uq_connections_account_id_name'))
    )
    op.create_index(op.f('ix_connections_reconcile_not_before'), 'connections', ['reconcile_not_before'], unique=False)
    op.create_table('consent_events',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('call_ref', sa.String(), nullable=False),
    sa.Column('heard_at', sa.BigInteger(), nullable=False),
    sa.Column('sealed_event', sa.LargeBinary(), nullable=False),
    sa.Column('key_version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consent_events'))
    )
    op.create_index('ix_consent_events_call', 'consent_events', ['account_id', 'call_ref'], unique=False)
    op.create_table('consent_policies',
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('policy', sa.JSON(), nullable=False),
    sa.Column('changed_at', sa.BigInteger(), nullable=False),
    sa.Column('changed_by', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'version', name=op.f('pk_consent_policies'))
    )
    op.create_table('evidence_entries',
    sa.Column('recording_id', sa.String(), nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('sealed_entry', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('recording_id', 'position', name=op.f('pk_evidence_entries'))
    )
    op.create_table('kept_answers',
    sa.Column('key_id', sa.String(), nullable=False),
    sa.Column('idempotency_key', sa.LargeBinary(), nullable=False),
    sa.Column('fingerprint', sa.LargeBinary(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('kept_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('key_id', 'idempotency_key', name=op.f('pk_kept_answers'))
    )
    op.create_table('links',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('recording_id', sa.String(), nullable=False),
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('sessions', sa.Integer(), nullable=False),
    sa.Column('networks', sa.JSON(), nullable=False),
    sa.Column('download', sa.Boolean(), nullable=False),
    sa.Column('revoked_at', sa.BigInteger(), nullable=True),
    sa.Column('listener_term', sa.LargeBinary(), nullable=False),
    sa.Column('sealed_listener', sa.LargeBinary(), nullable=False),
    sa.Column('key_version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_links')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_links_token_hash'))
    )
    op.create_index('ix_links_account', 'links', ['account_id', 'created_at', 'id'], unique=False)
    op.create_index(op.f('ix_links_recording_id'), 'links', ['recording_id'], unique=False)
    op.create_table('notices',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('audience', sa.String(), nullable=False),
    sa.Column('mode', sa.String(), nullable=False),
    sa.Column('places', sa.JSON(), nullable=False),
    sa.Column('controller', sa.String(), nullable=False),
    sa.Column('purposes', sa.String(), nullable=False),
    sa.Column('refusal', sa.String(), nullable=False),
    sa.Column('full_notice', sa.String(), nullable=False),
    sa.Column('retention', sa.String(), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('text_sha256', sa.String(), nullable=False),
    sa.Column('audio_sha256', sa.String(), nullable=True),
    sa.Column('audio_seconds', sa.Float(), nullable=True),
    sa.Column('sealed_audio', sa.LargeBinary(), nullable=True),
    sa.Column('key_version', sa.Integer(), nullable=True),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('created_by', sa.String(), nullable=False),
    sa.Column('published_at', sa.BigInteger(), nullable=True),
    sa.Column('retired_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notices')),
    sa.UniqueConstraint('account_id', 'language', 'audience', 'mode', 'version', name=op.f('uq_notices_account_id_language_audience_mode_version'))
    )
    op.create_index('ix_notices_page', 'notices', ['account_id', 'created_at', 'id'], unique=False)
    op.create_table('objections',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('term', sa.LargeBinary(), nullable=False),
    sa.Column('sealed_number', sa.LargeBinary(), nullable=False),
    sa.Column('key_version', sa.Integer(), nullable=False),
    sa.Column('since', sa.BigInteger(), nullable=False),
    sa.Column('until', sa.BigInteger(), nullable=True),
    sa.Column('reason', sa.String(), nullable=True),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('ended_by', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_objections'))
    )
    op.create_index('ix_objections_term', 'objections', ['account_id', 'term'], unique=False)
    op.create_table('pauses',
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('call_ref', sa.String(), nullable=False),
    sa.Column('connection_id', sa.String(), nullable=False),
    sa.Column('not_before', sa.BigInteger(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'call_ref', name=op.f('pk_pauses'))
    )
    op.create_index(op.f('ix_pauses_not_before'), 'pauses', ['not_before'], unique=False)
    op.create_table('recording_terms',
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('term', sa.LargeBinary(), nullable=False),
    sa.Column('recording_id', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'term', 'recording_id', name=op.f('pk_recording_terms'))
    )
    op.create_index('ix_recording_terms_recording', 'recording_terms', ['recording_id'], unique=False)
    op.create_table('recordings',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('connection_id', sa.String(), nullable=False),
    sa.Column('recording_ref', sa.String(), nullable=False),
    sa.Column('call_ref', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('reasons', sa.JSON(), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('call_started_at', sa.BigInteger(), nullable=True),
    sa.Column('call_ended_at', sa.BigInteger(), nullable=True),
    sa.Column('sealed_announcement', sa.LargeBinary(), nullable=True),
    sa.Column('announcement_key_version', sa.Integer(), nullable=True),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('voices', sa.JSON(), nullable=False),
    sa.Column('source_ref', sa.String(), nullable=True),
    sa.Column('source_policy', sa.String(), nullable=False),
    sa.Column('source_attempts', sa.Integer(), nullable=False),
    sa.Column('source_not_before', sa.BigInteger(), nullable=False),
    sa.Column('source_deleted_at', sa.BigInteger(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('not_before', sa.BigInteger(), nullable=False),
    sa.Column('lease_until', sa.BigInteger(), nullable=True),
    sa.Column('lease_token', sa.String(), nullable=True),
    sa.Column('key_version', sa.Integer(), nullable=True),
    sa.Column('wrapped_key', sa.LargeBinary(), nullable=True),
    sa.Column('evidence', sa.String(), nullable=True),
    sa.Column('sealed_details', sa.LargeBinary(), nullable=True),
    sa.Column('sealed_waveform', sa.LargeBinary(), nullable=True),
    sa.Column('audio_location', sa.String(), nullable=True),
    sa.Column('audio_header', sa.LargeBinary(), nullable=True),
    sa.Column('audio_size', sa.BigInteger(), nullable=True),
    sa.Column('rendition_location', sa.String(), nullable=True),
    sa.Column('rendition_header', sa.LargeBinary(), nullable=True),
    sa.Column('rendition_size', sa.BigInteger(), nullable=True),
    sa.Column('container', sa.String(), nullable=True),
    sa.Column('codec', sa.String(), nullable=True),
    sa.Column('channels', sa.Integer(), nullable=True),
    sa.Column('sample_rate', sa.Integer(), nullable=True),
    sa.Column('duration', sa.Float(), nullable=True),
    sa.Column('damaged', sa.Boolean(), nullable=False),
    sa.Column('restricted', sa.Boolean(), nullable=False),
    sa.Column('quarantined_until', sa.BigInteger(), nullable=True),
    sa.Column('manifest_due', sa.Boolean(), nullable=False),
    sa.Column('manifest_key_version', sa.Integer(), nullable=True),
    sa.Column('available_at', sa.BigInteger(), nullable=True),
    sa.Column('erased_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_recordings')),
    sa.UniqueConstraint('account_id', 'connection_id', 'recording_ref', name=op.f('uq_recordings_account_id_connection_id_recording_ref'))
    )
    op.create_index('ix_recordings_call', 'recordings', ['account_id', 'call_ref'], unique=False)
    op.create_index('ix_recordings_manifest_due', 'recordings', ['manifest_due'], unique=False, sqlite_where=sa.text('manifest_due'), postgresql_where=sa.text('manifest_due'))
    op.create_index('ix_recordings_page', 'recordings', ['account_id', 'received_at', 'id'], unique=False)
    op.create_index('ix_recordings_source_due', 'recordings', ['source_not_before'], unique=False, sqlite_where=sa.text("source_policy <> 'keep' AND source_deleted_at IS NULL"), postgresql_where=sa.text("source_policy <> 'keep' AND source_deleted_at IS NULL"))
    op.create_index('ix_recordings_work', 'recordings', ['state', 'account_id', 'not_before'], unique=False)
    op.create_table('sessions',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('recording_id', sa.String(), nullable=False),
    sa.Column('link_id', sa.String(), nullable=False),
    sa.Column('secret_hash', sa.LargeBinary(), nullable=False),
    sa.Column('nonce_hash', sa.LargeBinary(), nullable=False),
    sa.Column('opened_at', sa.BigInteger(), nullable=False),
    sa.Column('ends_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sessions')),
    sa.UniqueConstraint('link_id', 'nonce_hash', name=op.f('uq_sessions_link_id_nonce_hash'))
    )
    op.create_table('switch_changes',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('by', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_switch_changes'))
    )
    op.create_index(op.f('ix_switch_changes_account_id'), 'switch_changes', ['account_id'], unique=False)
    op.create_table('vault_metadata',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('value', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_vault_metadata'))
    )
    op.create_table('turns',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('token', sa.String(), nullable=True),
    sa.Column('until', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_turns'))
    )

    op.create_table('detail_keys',
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('wrapped_key', sa.LargeBinary(), nullable=False),
    sa.Column('key_version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'number', name=op.f('pk_detail_keys'))
    )
    op.create_table('key_rotations',
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('version', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('begun_at', sa.BigInteger(), nullable=False),
    sa.Column('begun_by', sa.String(), nullable=False),
    sa.Column('rewrapped', sa.Integer(), nullable=False),
    sa.Column('settled_at', sa.BigInteger(), nullable=True),
    sa.Column('destroyed_at', sa.BigInteger(), nullable=True),
    sa.Column('statement', sa.LargeBinary(), nullable=True),
    sa.PrimaryKeyConstraint('account_id', 'version', name=op.f('pk_key_rotations'))
    )
    op.create_index('ix_key_rotations_work', 'key_rotations', ['begun_at'], unique=False, sqlite_where=sa.text('destroyed_at IS NULL'), postgresql_where=sa.text('destroyed_at IS NULL'))
    op.create_index('ix_recordings_key_version', 'recordings', ['account_id', 'key_version'], unique=False, sqlite_where=sa.text('key_version IS NOT NULL'), postgresql_where=sa.text('key_version IS NOT NULL'))
    op.create_index('ix_recordings_announcement_key_version', 'recordings', ['account_id', 'announcement_key_version'], unique=False, sqlite_where=sa.text('sealed_announcement IS NOT NULL'), postgresql_where=sa.text('sealed_announcement IS NOT NULL'))
    op.create_index('ix_recordings_manifest_key_version', 'recordings', ['account_id', 'manifest_key_version'], unique=False, sqlite_where=sa.text('manifest_key_version IS NOT NULL'), postgresql_where=sa.text('manifest_key_version IS NOT NULL'))
    op.create_index('ix_call_facts_key_version', 'call_facts', ['account_id', 'key_version'], unique=False)
    op.create_index('ix_consent_events_key_version', 'consent_events', ['account_id', 'key_version'], unique=False)
    op.create_index('ix_objections_key_version', 'objections', ['account_id', 'key_version'], unique=False)
    op.create_index('ix_links_key_version', 'links', ['account_id', 'key_version'], unique=False)


def downgrade() -> None:
    op.drop_table('key_rotations')
    op.drop_table('detail_keys')
    op.drop_table('turns')
    op.drop_table('vault_metadata')
    op.drop_index(op.f('ix_switch_changes_account_id'), table_name='switch_changes')
    op.drop_table('switch_changes')
    op.drop_table('sessions')
    op.drop_index('ix_recordings_work', table_name='recordings')
    op.drop_index('ix_recordings_source_due', table_name='recordings', sqlite_where=sa.text("source_policy <> 'keep' AND source_deleted_at IS NULL"), postgresql_where=sa.text("source_policy <> 'keep' AND source_deleted_at IS NULL"))
    op.drop_index('ix_recordings_page', table_name='recordings')
    op.drop_index('ix_recordings_manifest_due', table_name='recordings', sqlite_where=sa.text('manifest_due'), postgresql_where=sa.text('manifest_due'))
    op.drop_index('ix_recordings_call', table_name='recordings')
    op.drop_table('recordings')
    op.drop_index('ix_recording_terms_recording', table_name='recording_terms')
    op.drop_table('recording_terms')
    op.drop_index(op.f('ix_pauses_not_before'), table_name='pauses')
    op.drop_table('pauses')
    op.drop_index('ix_objections_term', table_name='objections')
    op.drop_table('objections')
    op.drop_index('ix_notices_page', table_name='notices')
    op.drop_table('notices')
    op.drop_index(op.f('ix_links_recording_id'), table_name='links')
    op.drop_index('ix_links_account', table_name='links')
    op.drop_table('links')
    op.drop_table('kept_answers')
    op.drop_table('evidence_entries')
    op.drop_table('consent_policies')
    op.drop_index('ix_consent_events_call', table_name='consent_events')
    op.drop_table('consent_events')
    op.drop_index(op.f('ix_connections_reconcile_not_before'), table_name='connections')
    op.drop_table('connections')
    op.drop_index('ix_call_facts_call', table_name='call_facts')
    op.drop_table('call_facts')
    op.drop_table('api_keys')
    op.drop_index('ix_accounts_object_due', table_name='accounts', sqlite_where=sa.text('revision <> written_revision'), postgresql_where=sa.text('revision <> written_revision'))
    op.drop_table('accounts')
    op.drop_table('account_keys')
    op.drop_index('ix_access_events_recording', table_name='access_events')
    op.drop_table('access_events')
