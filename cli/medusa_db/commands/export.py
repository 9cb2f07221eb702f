"""`seed export` and `seed schema`: write a shop out as a seed document, or the format of one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from medusa_db import streams
from medusa_db.commands.database import connected
from medusa_migrations.contract.errors import UsageError
from medusa_migrations.plan import observe
from medusa_seed.document import json_schema
from medusa_seed.run import export as exporting

if TYPE_CHECKING:
    from medusa_db.arguments.seeding import ExportArguments


def export(args: ExportArguments) -> int:
    """Write the shop's catalogue, regions and settings to stdout; what is left out, to stderr."""
    handles = None
    if args.products is not None:
        handles = [one.strip() for one in args.products.split(",") if one.strip()]
        if not handles:
            raise UsageError("--products names no product; leave it out for all of them")
    with connected(args.database, "seed export", args.patience.connect_wait) as (conn, address):
        schema = observe.schema_of(conn, args.database.schema or address.schema)
        warnings = exporting.write(conn, schema, handles, streams.put_piece)
    for line in warnings:
        sys.stderr.write(f"medusa-db: {line}\n")
    return 0


def schema() -> int:
    """Write the JSON Schema of seed documents to stdout."""
    streams.put(json_schema.text())
    return 0
