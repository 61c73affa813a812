"""Note who of the people of an account are one human: a keyed hash of issuer and subject.

It is filled from the sealed profiles before it is asked for. A node of the release before goes on without it.
"""

import sqlalchemy as sa
from alembic import op

revision = '0047'
down_revision = '0046'
branch_labels = None
depends_on = None
serves = '0044'


def upgrade() -> None:
    op.add_column('people', sa.Column('identity', sa.String(), nullable=True))
    op.create_index('ix_people_identity', 'people', ['account_id', 'identity'])


def downgrade() -> None:
    op.drop_index('ix_people_identity', 'people')
    op.drop_column('people', 'identity')
