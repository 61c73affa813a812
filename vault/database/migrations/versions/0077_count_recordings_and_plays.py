"""Count recordings and plays by day: triggers append each change of a recording to a table, which a job adds up.

Nodes of the release before change recordings as well, so the database itself appends. What is there is counted once,
while no recording can change.
"""

import sqlalchemy as sa
from alembic import op

revision = '0077'
down_revision = '0076'
branch_labels = None
depends_on = None
serves = '0044'

_COLUMNS = 'account_id, day, kind, reason, number, milliseconds, bytes'
_KIND = """CASE WHEN {r}.state IN ('received', 'transferring', 'retry_wait', 'stored') THEN 'waiting'
WHEN {r}.state = 'erasing' THEN 'erased' ELSE {r}.state END"""
_REASON = """CASE WHEN {r}.state IN ('quarantined', 'refused', 'failed')
THEN substr(coalesce({code}, 'unknown'), 1, 64) ELSE '' END"""
_BYTES = 'coalesce({r}.audio_size, 0) + coalesce({r}.rendition_size, 0)'
_DAY = '{r}.received_at / 86400000000'
_CODE = {'sqlite': "json_extract({r}.reasons, '$[0].code')", 'postgresql': "({r}.reasons -> 0 ->> 'code')"}
_MILLISECONDS = {
    'sqlite': 'CAST(round(coalesce({r}.duration, 0) * 1000) AS INTEGER)',
    'postgresql': 'CAST(round(coalesce({r}.duration, 0) * 1000) AS bigint)',
}


def _key(dialect: str, row: str) -> list[str]:
    code = _CODE[dialect].format(r=row)
    return [_DAY.format(r=row), _KIND.format(r=row), _REASON.format(r=row, code=code)]


def _size(dialect: str, row: str) -> list[str]:
    return [_MILLISECONDS[dialect].format(r=row), _BYTES.format(r=row)]


def _append(dialect: str, row: str, sign: str) -> str:
    values = [f'{row}.account_id', *_key(dialect, row), f'{sign}1', *(f'{sign}({one})' for one in _size(dialect, row))]
    return f'INSERT INTO usage_changes ({_COLUMNS}) VALUES ({", ".join(values)});'


def _differs(dialect: str) -> str:
    old, new = ([*_key(dialect, row), *_size(dialect, row)] for row in ('OLD', 'NEW'))
    return ' OR '.join(f'({one}) <> ({other})' for one, other in zip(old, new, strict=True))


def _count(dialect: str) -> str:
    milliseconds, size = _size(dialect, 'recordings')
    values = ['recordings.account_id', *_key(dialect, 'recordings'), 'count(*)', f'sum({milliseconds})', f'sum({size})']
    return f'INSERT INTO usage_days ({_COLUMNS}) SELECT {", ".join(values)} FROM recordings GROUP BY 1, 2, 3, 4'


def _triggers(dialect: str) -> list[tuple[str, str, str, str]]:
    old, new = _append(dialect, 'OLD', '-'), _append(dialect, 'NEW', '')
    update = 'UPDATE OF state, reasons, received_at, duration, audio_size, rendition_size'
    return [
        ('usage_of_insert', 'INSERT', '', new),
        ('usage_of_update', update, f'WHEN ({_differs(dialect)})', f'{old} {new}'),
        ('usage_of_delete', 'DELETE', '', old),
    ]


def _columns() -> list['sa.Column[object]']:
    return [
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('day', sa.Integer(), nullable=False, autoincrement=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('reason', sa.String(), nullable=False),
        sa.Column('number', sa.BigInteger(), nullable=False),
        sa.Column('milliseconds', sa.BigInteger(), nullable=False),
        sa.Column('bytes', sa.BigInteger(), nullable=False),
    ]


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    position = sa.Integer().with_variant(sa.BigInteger(), 'postgresql')
    op.create_table(
        'usage_changes',
        sa.Column('position', position, nullable=False),
        *_columns(),
        sa.PrimaryKeyConstraint('position', name='pk_usage_changes'),
    )
    op.create_table(
        'usage_days',
        *_columns(),
        sa.PrimaryKeyConstraint('account_id', 'day', 'kind', 'reason', name='pk_usage_days'),
    )
    for name, event, when, body in _triggers(dialect):
        if dialect == 'sqlite':
            _run(f'CREATE TRIGGER {name} AFTER {event} ON recordings {when} BEGIN {body} END')
        else:
            _run(f'CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$')
            _run(f'CREATE TRIGGER {name} AFTER {event} ON recordings FOR EACH ROW {when} EXECUTE FUNCTION {name}()')
    _run(_count(dialect))


def downgrade() -> None:
    dialect = op.get_bind().dialect.name
    for name, *_ in _triggers(dialect):
        if dialect == 'sqlite':
            _run(f'DROP TRIGGER {name}')
        else:
            _run(f'DROP TRIGGER {name} ON recordings')
            _run(f'DROP FUNCTION {name}()')
    op.drop_table('usage_days')
    op.drop_table('usage_changes')


def _run(statement: str) -> None:
    op.get_bind().exec_driver_sql(statement)
