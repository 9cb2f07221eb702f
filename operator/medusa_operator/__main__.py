"""`python -m medusa_operator`: one replica of the operator."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import structlog

from medusa_operator.api import login
from medusa_operator.api.errors import OperatorError
from medusa_operator.process import logs, options
from medusa_operator.process.replica import Replica

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medusa_operator.process.options import Options

logger = structlog.get_logger("operator")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal asks to stop: 0; or until it must be started again: 1."""
    asked = options.parse(arguments, os.environ)
    logs.configure(asked.log_format, asked.log_level)
    try:
        asyncio.run(_run(asked))
    except OperatorError as exc:
        logger.error("Ended", reason=type(exc).__name__, error=str(exc))  # noqa: TRY400 - a sentence
        return 1
    except Exception:
        logger.exception("Ended by a defect of the operator")
        return 1
    return 0


async def _run(asked: Options) -> None:
    await Replica(asked, await login.find(os.environ)).run()


if __name__ == "__main__":
    sys.exit(main())
