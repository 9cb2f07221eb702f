"""Pure but for reading files: what a seed document may hold, and whether its parts fit together."""
