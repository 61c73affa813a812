"""Rules by place: whose consent recording requires."""
