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
    "--project": "server.workingDir",
    "--node": "server.node",
    "--links": "server.links",
    "--no-scripts": "server.scripts",
    "--stall": "timeouts.stall",
    "--script": "seed.script",
    "--npm-script": "seed.npmScript",
}
VARIABLES = "the PG* variables"
"""Where parts of an address stand for a shell."""
_PLACES = {"resource": "spec.database", "helm": "database of the values"}
"""Where they stand for others."""
_VALUES = {"--links all": "server.links All"}
"""Options whose value is spelt in another way there."""
_AGREED = r"--acknowledge (?:[\d.]+\d|links\b)"
_ADD = rf"([Aa]dd) ({_AGREED}(?: {_AGREED})*)"
_WORDS = rf"(`[^`]*`)|(?<![\w-])({'|'.join((*_VALUES, *_KEYS))})(?![\w-])"


def spell(message: str, caller: str) -> str:
    """Return *message* as *caller* would say it; commands in backquotes are for a shell, and stay."""
    if caller not in ("helm", "resource"):
        return message
    message = message.replace(VARIABLES, _PLACES[caller])
    above = "spec." if caller == "resource" else ""

    def added(found: re.Match[str]) -> str:
        versions = found[2].replace("--acknowledge ", "").replace(" ", ", ")
        return f"{found[1]} {versions} to {above}{_KEYS['--acknowledge']}"

    def named(found: re.Match[str]) -> str:
        return found[1] or above + (_VALUES | _KEYS)[found[2]]

    return re.sub(_WORDS, named, re.sub(_ADD, added, message))
