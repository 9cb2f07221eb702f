"""Which options does each command take? One frozen dataclass a command; parser, environment and docs follow."""
