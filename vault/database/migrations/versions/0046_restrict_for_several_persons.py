"""Note every request of a person that a recording is restricted for, not the first one alone.

The table is made again, because SQLite cannot change a primary key. A node of the release before goes on: it lifts a
restriction when one person was informed.
"""

import sqlalchemy as sa
from alembic import op

revision = '0046'
down_revision = '0045'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    _remake('recording_id', 'request_id', rows='SELECT recording_id, request_id FROM person_restrictions')
    op.create_index('ix_person_restrictions_request_id', 'person_restrictions', ['request_id'])


def downgrade() -> None:
    _remake(
        'recording_id',
        rows='SELECT recording_id, min(request_id) FROM person_restrictions GROUP BY recording_id',
    )


def _remake(*key: str, rows: str) -> None:
    """Make the table with this primary key, and these of its rows."""
    op.create_table('person_restrictions_copy', *_columns())
    op.execute(f'INSERT INTO person_restrictions_copy (recording_id, request_id) {rows}')
    op.drop_table('person_restrictions')
    named = sa.PrimaryKeyConstraint(*key, name=op.f('pk_person_restrictions'))
    op.create_table('person_restrictions', *_columns(), named)
    op.execute(
        'INSERT INTO person_restrictions (recording_id, request_id) '
        'SELECT recording_id, request_id FROM person_restrictions_copy'
    )
    op.drop_table('person_restrictions_copy')


def _columns() -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in ('recording_id', 'request_id')]
