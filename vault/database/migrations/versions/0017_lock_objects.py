"""Note which objects the object store keeps under a lock, and which ones it is to lock."""

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None
#: A release before it retries the erasure of a locked object for ever, and cannot read a policy that locks.
serves = '0017'

_INDEXES = (
    ('ix_recordings_lock_due', ['id'], "lock_state IN ('wanted', 'unknown')"),
    ('ix_recordings_object_hold', ['account_id', 'id'], 'object_hold = 1'),
    (
        'ix_recordings_locked_remainder', ['object_locked_until', 'id'],
        "state = 'erased' AND object_locked_until IS NOT NULL",
    ),
)


def upgrade() -> None:
    none, zero = sa.text("'none'"), sa.text('0')
    op.add_column('recordings', sa.Column('lock_state', sa.String(), server_default=none, nullable=False))
    op.add_column('recordings', sa.Column('object_hold', sa.Integer(), server_default=zero, nullable=False))
    for name, columns, condition in _INDEXES:
        where = sa.text(condition)
        op.create_index(name, 'recordings', columns, unique=False, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    locked = "SELECT 1 FROM recordings WHERE object_locked_until IS NOT NULL OR object_hold = 1 LIMIT 1"
    if op.get_bind().execute(sa.text(locked)).first() is not None:
        raise RuntimeError('There are locked objects, whose erasure a release before this schema never finishes.')
    for name, _, _ in _INDEXES:
        op.drop_index(name, table_name='recordings')
    op.drop_column('recordings', 'object_hold')
    op.drop_column('recordings', 'lock_state')
