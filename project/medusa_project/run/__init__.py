"""How the shop's own Medusa runs, and what the ledgers show of that."""
