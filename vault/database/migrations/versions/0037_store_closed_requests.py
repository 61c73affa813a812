"""Write each closed request of a person into an object of its own, so that a restore has all of them."""

import sqlalchemy as sa
from alembic import op

revision = '0037'
down_revision = '0036'
branch_labels = None
depends_on = None
#: A release before it would forget the content of a request, or destroy a key, and leave it in the object.
serves = '0037'


def upgrade() -> None:
    op.add_column('person_requests', sa.Column('stored_under', sa.Integer(), nullable=True))
    where = sa.text('closed_at IS NOT NULL AND stored_under IS NULL')
    op.create_index(
        'ix_person_requests_to_store', 'person_requests', ['account_id'],
        unique=False, sqlite_where=where, postgresql_where=where,
    )
    op.execute(
        'UPDATE accounts SET revision = revision + 1 '
        'WHERE id IN (SELECT account_id FROM person_requests WHERE closed_at IS NOT NULL)'
    )


def downgrade() -> None:
    op.drop_index('ix_person_requests_to_store', table_name='person_requests')
    op.drop_column('person_requests', 'stored_under')
