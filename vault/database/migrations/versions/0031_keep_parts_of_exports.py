"""Keep the parts of an account's export: their numbers, and the last recording in each."""

import sqlalchemy as sa
from alembic import op

revision = '0031'
down_revision = '0030'
branch_labels = None
depends_on = None
#: A release before it would begin the export of an account again, at its second part.
serves = '0031'


def upgrade() -> None:
    op.add_column('person_packages', sa.Column('part_of', sa.String(), nullable=True))
    op.add_column('person_packages', sa.Column('part', sa.Integer(), nullable=True))
    op.add_column('person_packages', sa.Column('through_at', sa.BigInteger(), nullable=True))
    op.add_column('person_packages', sa.Column('through_id', sa.String(), nullable=True))
    op.create_index('ix_person_packages_part_of', 'person_packages', ['part_of'])


def downgrade() -> None:
    op.drop_index('ix_person_packages_part_of', table_name='person_packages')
    for name in ('part_of', 'part', 'through_at', 'through_id'):
        op.drop_column('person_packages', name)
