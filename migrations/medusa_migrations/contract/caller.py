"""Pure: a message in the words of whoever runs the command: options of a shell, values of Helm, fields of a resource."""

from __future__ import annotations

import re

VARIABLE = "MEDUSA_DB_CALLER"
"""The variable by which the chart (`helm`) and the operator (`resource`) say that they run the command."""

_KEYS = {
    "--to": "version",
    "--for": "version",
    "--flag": "featureFlags",
    "--baseline": "baseline",
    "--acknowledge": "upgrade.acknowledged",
    "--approval": "upgrade.approval",
    "--stop": "upgrade.stops",
    "--transaction": "upgrade.transaction",
    "--data-step": "dataSteps.extra",
    "--no-data-steps": "dataSteps.skip",
    "--connect-wait": "timeouts.connect",
    "--lock-wait": "timeouts.lock",
    "--lock-timeout": "timeouts.lockTimeout",
    "--statement-timeout": "timeouts.statement",
    "--run-timeout": "timeouts.run",
    "--schema": "database.schema",
}
_ADD = re.compile(r"add (--acknowledge [\d.]+\d(?: --acknowledge [\d.]+\d)*)")
_WORDS = re.compile(rf"(`[^`]*`)|(?<![\w-])({'|'.join(_KEYS)})(?![\w-])")


def spell(message: str, caller: str) -> str:
    """Return *message* as *caller* would say it; commands in backquotes are for a shell, and stay."""
    if caller not in ("helm", "resource"):
        return message
    above = "spec." if caller == "resource" else ""

    def added(found: re.Match[str]) -> str:
        versions = found[1].replace("--acknowledge ", "").replace(" ", ", ")
        return f"add {versions} to {above}{_KEYS['--acknowledge']}"

    def named(found: re.Match[str]) -> str:
        return found[1] or above + _KEYS[found[2]]

    return _WORDS.sub(named, _ADD.sub(added, message))
