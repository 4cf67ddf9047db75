"""The GSA: policy, SAs of the three categories, membership and rekeying (RFC 3740, RFC 4046, RFC 6407)."""
