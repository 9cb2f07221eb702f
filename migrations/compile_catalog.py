"""Compiles the catalog whenever the project is built or installed from a checkout."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileCatalog(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is the builder's own
    """Puts `catalog.json` beside the package's modules, and into a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile; hatchling calls it before a wheel, or an editable install, is made."""
        sys.path.insert(0, str(Path(__file__).parent))
        from medusa_migrations.catalog import source  # noqa: PLC0415  it is not installed yet

        compiled = source.compile_()
        build_data["artifacts"].append(str(compiled.relative_to(self.root)))
