"""SCIM 2.0 (RFC 7643, RFC 7644) as identity providers speak it: resources, filters and patches, without I/O."""
