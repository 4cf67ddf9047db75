"""Rekey algorithms behind one interface."""
