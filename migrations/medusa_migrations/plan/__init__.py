"""Where the database is, and what has to run."""
