"""Keep the requests of people about their data, their receipts and packages, and the purposes of links."""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None
serves = '0015'


def upgrade() -> None:
    op.create_table(
        'person_requests',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('regime', sa.String(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('received_at', sa.BigInteger(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('due_at', sa.BigInteger(), nullable=True),
        sa.Column('closed_at', sa.BigInteger(), nullable=True),
        sa.Column('forget_at', sa.BigInteger(), nullable=True),
        sa.Column('reference_term', sa.LargeBinary(), nullable=True),
        sa.Column('repeat_of', sa.String(), nullable=True),
        sa.Column('revision', sa.Integer(), nullable=False),
        sa.Column('sealed_personal', sa.LargeBinary(), nullable=True),
        sa.Column('key_version', sa.Integer(), nullable=True),
        sa.Column('sealed_receipt', sa.LargeBinary(), nullable=True),
        sa.Column('receipt_key_version', sa.Integer(), nullable=True),
        sa.Column('receipt_event', sa.String(), nullable=True),
        sa.Column('receipt_log_size', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_person_requests')),
    )
    op.create_index(
        'ix_person_requests_account', 'person_requests', ['account_id', 'created_at', 'id'], unique=False
    )
    op.create_index(
        'ix_person_requests_reference', 'person_requests', ['account_id', 'reference_term'], unique=False
    )
    op.create_index(
        'ix_person_requests_open',
        'person_requests',
        ['due_at'],
        unique=False,
        sqlite_where=sa.text('closed_at IS NULL'),
        postgresql_where=sa.text('closed_at IS NULL'),
    )
    op.create_index('ix_person_requests_forget_at', 'person_requests', ['forget_at'], unique=False)
    op.create_table(
        'person_request_terms',
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('term', sa.LargeBinary(), nullable=False),
        sa.Column('request_id', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('account_id', 'term', 'request_id', name=op.f('pk_person_request_terms')),
    )
    op.create_index(
        'ix_person_request_terms_request', 'person_request_terms', ['request_id'], unique=False
    )
    op.create_table(
        'person_restrictions',
        sa.Column('recording_id', sa.String(), nullable=False),
        sa.Column('request_id', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('recording_id', name=op.f('pk_person_restrictions')),
    )
    op.create_table(
        'person_packages',
        sa.Column('request_id', sa.String(), nullable=False),
        sa.Column('account_id', sa.String(), nullable=False),
        sa.Column('wrapped_key', sa.LargeBinary(), nullable=False),
        sa.Column('key_version', sa.Integer(), nullable=False),
        sa.Column('location', sa.String(), nullable=False),
        sa.Column('header', sa.LargeBinary(), nullable=False),
        sa.Column('size', sa.BigInteger(), nullable=False),
        sa.Column('made_at', sa.BigInteger(), nullable=False),
        sa.Column('expires_at', sa.BigInteger(), nullable=False),
        sa.Column('downloads', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('request_id', name=op.f('pk_person_packages')),
    )
    op.create_index(op.f('ix_person_packages_location'), 'person_packages', ['location'], unique=False)
    op.create_index(op.f('ix_person_packages_expires_at'), 'person_packages', ['expires_at'], unique=False)
    op.add_column('links', sa.Column('purpose', sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column('links', 'purpose')
    op.drop_table('person_packages')
    op.drop_table('person_restrictions')
    op.drop_table('person_request_terms')
    op.drop_table('person_requests')
