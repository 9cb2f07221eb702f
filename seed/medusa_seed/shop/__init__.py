"""What is read from a shop and written to it; the only room of the seeder that knows SQL."""
