"""Keep sign-in connections, their roles, and people."""

import sqlalchemy as sa
from alembic import op

revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None
# An older node would find closing acts in the object store that it cannot read.
serves = '0025'


def upgrade() -> None:
    op.create_table(
        'sign_in_connections',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('revision', sa.Integer(), nullable=False),
        sa.Column('sealed_settings', sa.Text(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.Column('changed_by', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_connections')),
        sa.UniqueConstraint('account_id', 'name', name=op.f('uq_sign_in_connections_account_id_name')),
    )
    op.create_table(
        'sign_in_roles',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('connection_id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('role', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_roles')),
    )
    op.create_index(op.f('ix_sign_in_roles_connection_id'), 'sign_in_roles', ['connection_id'], unique=False)
    op.create_index(op.f('ix_sign_in_roles_account_id'), 'sign_in_roles', ['account_id'], unique=False)
    op.create_table(
        'people',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('connection_id', sa.String(), nullable=True),
        sa.Column('sealed_profile', sa.Text(), nullable=True),
        sa.Column('role_ids', sa.JSON(), nullable=False),
        sa.Column('first_at', sa.BigInteger(), nullable=False),
        sa.Column('last_at', sa.BigInteger(), nullable=False),
        sa.Column('removed_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_people')),
    )
    op.create_index('ix_people_page', 'people', ['account_id', 'first_at', 'id'], unique=False)
    op.create_table(
        'sign_in_attempts',
        sa.Column('digest', sa.LargeBinary(), nullable=False),
        sa.Column('connection_id', sa.String(), nullable=False),
        sa.Column('secret_hash', sa.LargeBinary(), nullable=True),
        sa.Column('return_path', sa.String(), nullable=True),
        sa.Column('ends_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('digest', name=op.f('pk_sign_in_attempts')),
    )
    op.create_index(op.f('ix_sign_in_attempts_ends_at'), 'sign_in_attempts', ['ends_at'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_sign_in_attempts_ends_at'), table_name='sign_in_attempts')
    op.drop_table('sign_in_attempts')
    op.drop_index('ix_people_page', table_name='people')
    op.drop_table('people')
    op.drop_index(op.f('ix_sign_in_roles_account_id'), table_name='sign_in_roles')
    op.drop_index(op.f('ix_sign_in_roles_connection_id'), table_name='sign_in_roles')
    op.drop_table('sign_in_roles')
    op.drop_table('sign_in_connections')
