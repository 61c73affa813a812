"""Let month keys wrap recording keys, so that a rotation of an account's key rewrites no recording."""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None
#: A release before it cannot open a recording key under a month key.
serves = '0010'

#: Each index, its table and column, its condition before, and its condition now.
_INDEXES = (
    ('ix_recordings_key_version', 'recordings', 'key_version',
     'key_version IS NOT NULL', 'key_version IS NOT NULL AND month_key IS NULL'),
    ('ix_recordings_announcement_key_version', 'recordings', 'announcement_key_version',
     'sealed_announcement IS NOT NULL', 'sealed_announcement IS NOT NULL AND announcement_month_key IS NULL'),
    ('ix_call_facts_key_version', 'call_facts', 'key_version', None, 'month_key IS NULL'),
)


def _index(name: str, table: str, column: str, condition: str | None) -> None:
    where = None if condition is None else sa.text(condition)
    op.create_index(name, table, ['account_id', column], unique=False, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    op.create_table('month_keys',
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('wrapped_key', sa.LargeBinary(), nullable=False),
    sa.Column('key_version', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'id', name=op.f('pk_month_keys'))
    )
    op.create_index('ix_key_rotations_destroyed', 'key_rotations', ['destroyed_at'], unique=False)
    op.add_column('recordings', sa.Column('month_key', sa.String(), nullable=True))
    op.add_column('recordings', sa.Column('announcement_month_key', sa.String(), nullable=True))
    op.add_column('call_facts', sa.Column('month_key', sa.String(), nullable=True))
    for name, table, column, _, condition in _INDEXES:
        op.drop_index(name, table_name=table)
        _index(name, table, column, condition)


def downgrade() -> None:
    if op.get_bind().execute(sa.text('SELECT 1 FROM month_keys LIMIT 1')).first() is not None:
        raise RuntimeError('Recordings are sealed under month keys, which the schema before this one cannot hold.')
    for name, table, column, condition, _ in _INDEXES:
        op.drop_index(name, table_name=table)
        _index(name, table, column, condition)
    op.drop_index('ix_key_rotations_destroyed', table_name='key_rotations')
    op.drop_column('call_facts', 'month_key')
    op.drop_column('recordings', 'announcement_month_key')
    op.drop_column('recordings', 'month_key')
    op.drop_table('month_keys')
