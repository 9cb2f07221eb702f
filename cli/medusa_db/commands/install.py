"""`install`: copy the runner out of its image, so that it can be started in the container of a shop's image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_db import streams
from medusa_db.commands import output
from medusa_db.portable import image, tree

if TYPE_CHECKING:
    from medusa_db.arguments.offline import InstallArguments


def install(args: InstallArguments) -> int:
    """Write the tree, and start it once."""
    folder = tree.require_name(args.dir)
    written = tree.write(folder, image.files(image.here(), folder))
    tree.try_out(folder)
    where = f"{folder}/{image.PROGRAM}"
    size = f"{written.files:,} files, {written.size / 1e6:.0f} MB"
    state = "Installed" if written.changed else "Already installed:"
    output.print_result(f"{state} {where} ({size}).", within=streams.END)
    return 0
