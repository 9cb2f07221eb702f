"""How a seed goes, and how a shop is exported as a document."""
