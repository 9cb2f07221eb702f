"""Pure: which rows come of which entries, given what the shop has."""
