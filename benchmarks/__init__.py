"""Benchmarks: ``python -m benchmarks`` prints a table, each row with its peers measured in the same run."""
