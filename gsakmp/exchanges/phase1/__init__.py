"""Phase 1, both modes and both roles (RFC 2409, 5)."""
