"""What is recorded in the database: Medusa's ledger, and our history."""
