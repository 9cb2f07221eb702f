"""The shop's own Medusa: its command runs alone and bounded, and the ledgers say what it did."""
