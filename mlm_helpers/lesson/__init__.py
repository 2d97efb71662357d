"""Which column plays which role, and the file that says so."""
