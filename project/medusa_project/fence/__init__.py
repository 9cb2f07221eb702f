"""One command of others: alone under the lock, bounded, and nothing of it is left behind."""
