"""List waiting recordings, and links of a listener or recording, newest first; count quarantine by an index alone."""

import sqlalchemy as sa
from alembic import op

revision = '0035'
down_revision = '0034'
branch_labels = None
depends_on = None
#: A release before it reads no index by its name, and finds the same columns first in those that are there.
serves = '0034'

_WORK = sa.text("state IN ('received', 'transferring', 'retry_wait', 'stored', 'erasing')")
_SET_ASIDE = sa.text("state IN ('quarantined', 'failed', 'refused')")
_COLUMNS = ['account_id', 'state', 'received_at', 'id']


def upgrade() -> None:
    op.create_index(
        'ix_recordings_waiting', 'recordings', _COLUMNS, unique=False, sqlite_where=_WORK, postgresql_where=_WORK
    )
    op.drop_index('ix_recordings_set_aside', table_name='recordings')
    op.create_index(
        'ix_recordings_set_aside', 'recordings', [*_COLUMNS, 'quarantined_until'],
        unique=False, sqlite_where=_SET_ASIDE, postgresql_where=_SET_ASIDE,
    )
    for name in ('recording', 'listener'):
        by = {'recording': 'recording_id', 'listener': 'listener_term'}[name]
        op.create_index(f'ix_links_{name}', 'links', ['account_id', by, 'created_at', 'id'], unique=False)
    op.drop_index('ix_links_recording_id', table_name='links')


def downgrade() -> None:
    op.create_index('ix_links_recording_id', 'links', ['recording_id'], unique=False)
    for name in ('recording', 'listener'):
        op.drop_index(f'ix_links_{name}', table_name='links')
    op.drop_index('ix_recordings_set_aside', table_name='recordings')
    op.create_index(
        'ix_recordings_set_aside', 'recordings', _COLUMNS,
        unique=False, sqlite_where=_SET_ASIDE, postgresql_where=_SET_ASIDE,
    )
    op.drop_index('ix_recordings_waiting', table_name='recordings')
