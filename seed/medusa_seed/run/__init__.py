"""How a seed goes, and how a shop is told as a document."""
