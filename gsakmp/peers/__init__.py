"""Sans-I/O engines: a GCKS and a member, each with five verbs."""
