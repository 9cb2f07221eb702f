"""How it is shown to a person, to a machine and to psql."""
