"""Medusa's own packages, servers and command line, from npm."""
