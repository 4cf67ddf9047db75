"""Benchmarks of the engines: ``python -m benchmarks.engines`` prints what one GCKS process does, beside the
bare cryptography of it in the same run."""
