"""Pure but for reading files: what a seed document may say, and whether it agrees with itself."""
