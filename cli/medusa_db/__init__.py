"""The command line: `medusa-db`."""
