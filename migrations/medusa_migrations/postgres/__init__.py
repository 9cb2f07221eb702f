"""How the server is reached, asked and locked, and why it refuses."""
