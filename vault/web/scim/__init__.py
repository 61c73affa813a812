"""SCIM 2.0: the doors by which a company's directory tells an account who its people are."""
