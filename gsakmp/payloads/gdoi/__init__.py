"""The payloads of GDOI."""
