"""The shop's own Medusa: its command runs alone and bounded, and the ledgers show what it did."""
