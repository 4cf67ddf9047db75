"""What must survive a crash, on SQLite."""
