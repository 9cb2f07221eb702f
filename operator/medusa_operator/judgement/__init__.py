"""Pure: what is the one next step, and how it is reported."""
