"""Lets `python -m medusa_migrations` and the console script `medusa-db` start the command line."""

from __future__ import annotations

import sys

from medusa_migrations.cli import main

if __name__ == "__main__":
    sys.exit(main())
