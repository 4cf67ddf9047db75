"""Benchmarks of rekeying: ``python -m benchmarks.rekey`` prints what a change of membership costs by each
algorithm and for groups of each size, beside the bare cryptography of the same change in the same run."""
