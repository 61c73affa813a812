"""Let PostgreSQL vacuum the tables of the queues early.

By default it waits until a fifth of a table are old versions of rows, which claims read over meanwhile. Of these tables
each row is written several times within seconds, and most are short. ``recordings`` is long: there only the share is
smaller, and vacuum takes its pauses.
"""

from alembic import op

revision = '0080'
down_revision = '0079'
branch_labels = None
depends_on = None
serves = '0044'

_SHORT = (
    'checkpoints',
    'event_outbox',
    'log_allowances',
    'object_checks',
    'outbox_destinations',
    'outbox_messages',
    'publication',
    'tree_head',
    'turns',
    'usage_changes',
)
_EARLY = {'autovacuum_vacuum_scale_factor': '0.01', 'autovacuum_vacuum_threshold': '1000'}
_AT_ONCE = _EARLY | {'autovacuum_vacuum_cost_delay': '0'}


def upgrade() -> None:
    if op.get_context().dialect.name == 'postgresql':
        for table in _SHORT:
            op.execute(f'ALTER TABLE {table} SET ({_written(_AT_ONCE)})')
        op.execute(f'ALTER TABLE recordings SET ({_written(_EARLY)})')


def downgrade() -> None:
    if op.get_context().dialect.name == 'postgresql':
        for table in _SHORT:
            op.execute(f"ALTER TABLE {table} RESET ({', '.join(_AT_ONCE)})")
        op.execute(f"ALTER TABLE recordings RESET ({', '.join(_EARLY)})")


def _written(options: dict[str, str]) -> str:
    return ', '.join(f'{name} = {value}' for name, value in options.items())
