"""The shop's own Medusa: found, started, kept alone and bounded, and judged by what it left in the database."""
