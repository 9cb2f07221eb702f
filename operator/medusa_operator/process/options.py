"""The operator's command line: flags, each with an environment variable, and what they mean."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medusa_migrations.contract import values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PREFIX = "MEDUSA_DB_"
IMAGE = "medusa-database-operator"
"""The runner's image where none is named: the one that this process runs from."""

TOKEN = "token"  # noqa: S105  a word of the command line
"""Says that `/metrics` wants a bearer token."""

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_IMAGE = re.compile(
    r"(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9._-]+)(:[0-9]+)?(/[a-zA-Z0-9._-]+)*"
    r"(:[a-zA-Z0-9_.-]+)?(@[a-z0-9+._-]+:[0-9a-fA-F]+)?"
)
_KEY = r"[A-Za-z0-9][-A-Za-z0-9_./]*"
_VALUE = r"[-A-Za-z0-9_.]*"
_REQUIREMENT = re.compile(
    rf"\s*(!?{_KEY}|{_KEY}\s*(=|==|!=)\s*{_VALUE}|{_KEY}\s+(in|notin)\s*\([^()]*\))\s*"
)


@dataclass(frozen=True, slots=True)
class Options:
    """How this process was asked to run."""

    image: str
    namespaces: tuple[str, ...]
    """None: all."""
    selector: str
    max_concurrent_runs: int
    """0: as many as there are resources."""
    pod_template_policy: str
    """`restricted` or `unrestricted`: what a resource may change of the pods of its Jobs."""
    require_secret_annotation: bool
    """Whether a Secret that a resource refers to must carry the annotation that allows it."""
    resync: float
    """Seconds between two lists of everything."""
    lease: str
    lease_namespace: str
    """Empty: our own."""
    health_address: tuple[str, int] | None
    metrics_address: tuple[str, int] | None
    metrics_authentication: str
    log_format: str
    log_level: str


def parse(arguments: Sequence[str] | None, environ: Mapping[str, str]) -> Options:
    """Return the options that *arguments* and *environ* spell; exit with 2 where they do not."""
    parser = argparse.ArgumentParser(
        prog="python -m medusa_operator",
        description="Follow MedusaDatabase resources: bring each one's database to its version.",
        epilog="Every flag can be set by an environment variable; a flag wins over it. The API server "
        "is the one that KUBECONFIG names, else that of the cluster around the pod.",
        allow_abbrev=False,
    )
    flags = _Flags(parser, environ)
    flags.add("--image", image, "", f"the runner's image (default: {IMAGE})", "IMAGE")
    flags.add(
        "--namespace", namespaces, (),
        "look at this namespace only; may be repeated, or name several with commas (default: all)",
        "NAME", action="extend",
    )  # fmt: skip
    flags.add("--selector", selector, "", "look at resources with these labels only", "LABELS")
    flags.add(
        "--max-concurrent-runs", count, 0, "Jobs at a time in all; 0: no limit (default: %(default)s)", "N"
    )  # fmt: skip
    flags.add(
        "--pod-template-policy", choice("restricted", "unrestricted"), "restricted",
        "what spec.job.template may set: restricted holds it to the Pod Security Standard of that name, "
        "without a token and with the ServiceAccount default or one that allows it (default: restricted)",
        "POLICY",
    )  # fmt: skip
    flags.add(
        "--require-secret-annotation", truth, truth("false"),
        "true: a Secret that a resource refers to must carry the annotation medusadb.dev/allow; needs the "
        "right to get Secrets (default: false)", "BOOL",
    )  # fmt: skip
    flags.add(
        "--resync", duration, 300.0, "time between two lists of everything (default: 5m)", "TIME"
    )
    flags.add("--lease", name, IMAGE, "the Lease that one of several replicas holds", "NAME")
    flags.add("--lease-namespace", name, None, "where that Lease is (default: our own)", "NAME")
    flags.add(
        "--health-address", address, address(":8081"),
        "where /healthz and /readyz answer; off: nowhere (default: :8081)", "HOST:PORT",
    )  # fmt: skip
    flags.add(
        "--metrics-address", address, address(":8080"),
        "where /metrics answers; off: nowhere (default: :8080)", "HOST:PORT",
    )  # fmt: skip
    flags.add(
        "--metrics-authentication", choice("none", TOKEN), "none",
        "who may read /metrics; none: everybody; token: whose bearer token the API server knows and "
        "allows to get it (default: none)", "HOW",
    )  # fmt: skip
    flags.add(
        "--log-format", choice("json", "text"), "json", "json or text (default: json)", "FORM"
    )
    flags.add(
        "--log-level", choice("debug", "info", "warning", "error"), "info",
        "debug, info, warning or error (default: info)", "LEVEL",
    )  # fmt: skip
    found = vars(parser.parse_args(arguments))
    found["image"] = found["image"] or IMAGE
    found["namespaces"] = tuple(dict.fromkeys(found.pop("namespace")))
    found["lease_namespace"] = found["lease_namespace"] or ""
    return Options(**found)


@dataclass(frozen=True, slots=True)
class _Flags:
    parser: argparse.ArgumentParser
    environ: Mapping[str, str]

    def add(
        self,
        flag: str,
        kind: Callable[[str], Any],
        usual: Any,
        about: str,
        metavar: str,
        **rest: Any,
    ) -> None:
        """Add a flag whose default is the value of its environment variable, where that is set."""
        variable = PREFIX + flag.removeprefix("--").replace("-", "_").upper()
        if spelt := self.environ.get(variable, "").strip():
            try:
                usual = kind(spelt)
            except argparse.ArgumentTypeError as exc:
                self.parser.error(f"{variable}: {exc}")
        if rest.get("action") == "extend":
            rest["action"] = _Replace
        self.parser.add_argument(
            flag, type=kind, default=usual, help=f"{about} [{variable}]", metavar=metavar, **rest
        )


class _Replace(argparse.Action):
    """Collects a flag that may be repeated; the first one replaces what the environment variable said."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        found: argparse.Namespace,
        value: Any,
        _flag: str | None = None,
    ) -> None:
        default = getattr(found, self.dest) is self.default
        setattr(found, self.dest, value if default else (*getattr(found, self.dest), *value))


def namespaces(text: str) -> tuple[str, ...]:
    """Return the names that *text* lists."""
    return tuple(name(word.strip()) for word in text.split(","))


def name(text: str) -> str:
    """Return *text* where it can name a namespace or a Lease."""
    if not _LABEL.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a name: lower case letters, digits and dashes, 63 at most"
        )
    return text


def image(text: str) -> str:
    """Return *text* where it can name an image; the definition says the same of those in a resource."""
    if text and not _IMAGE.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no image; it is named as in a pod, without a scheme and without spaces, such as "
            "registry.example.com/medusa-database-operator:1.0"
        )
    return text


def selector(text: str) -> str:
    """Return *text* where it can select by labels, as `kubectl -l` takes it."""
    for requirement in re.split(r",(?![^()]*\))", text) if text else ():
        if not _REQUIREMENT.fullmatch(requirement):
            raise argparse.ArgumentTypeError(
                f"{text!r} selects no labels; write tier=gold, tier in (gold, silver) or !tier"
            )
    return text


def count(text: str) -> int:
    """Return a whole number from 0."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def truth(text: str) -> bool:
    """Return a boolean."""
    try:
        return values.truth(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def duration(text: str) -> float:
    """Return seconds, at least a tenth of one."""
    try:
        found = values.duration(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
    if found < 0.1:
        raise argparse.ArgumentTypeError(f"{text!r} is shorter than 100ms")
    return found


def address(text: str) -> tuple[str, int] | None:
    """Return host and port; no host: every address of the machine."""
    if text == "off":
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not HOST:PORT, such as :8080 or 127.0.0.1:8080"
        )
    return host.strip("[]"), int(port)


def choice(*words: str) -> Callable[[str], str]:
    """Return what accepts one of *words*."""

    def chosen(text: str) -> str:
        if text not in words:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(words)}")
        return text

    return chosen
