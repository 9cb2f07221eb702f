"""The real kubectl and helm, run as their users run them; and kstatus, asked about objects."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from medusa_testbed import tools

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from medusa_testbed.api import Object


class CommandError(AssertionError):
    """A command failed; the text holds what it printed."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with a KUBECONFIG and a namespace: call it with its words for what it prints."""

    kubeconfig: Path
    home: Path
    """Where it may keep its caches."""
    namespace: str = "default"
    helm_program: str = "helm"
    """`helm` is Helm 4, `helm3` the last one of Helm 3."""

    def __call__(self, *words: str | Path, stdin: str | Object | list[Object] | None = None) -> str:
        """Run it and return its standard output; fail where it fails."""
        return _succeeded(self.run(*words, stdin=stdin))

    def run(
        self,
        *words: str | Path,
        stdin: str | Object | list[Object] | None = None,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run it and return everything, whether it succeeded or not."""
        return subprocess.run(
            self.command(*words), input=_text(stdin) or "", env=self.environment(),
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip

    def json(self, *words: str | Path) -> Object:
        """Run it with `-o json` and return what it printed."""
        found: Object = json.loads(self(*words, "-o", "json"))
        return found

    def apply(self, *objects: Object | str | Path) -> str:
        """Apply objects, YAML texts, files; a folder with a kustomization as one."""
        printed = ""
        for given in objects:
            if isinstance(given, dict | str):
                printed += self("apply", "-f", "-", stdin=given)
            else:
                how = "-k" if (given / "kustomization.yaml").exists() else "-f"
                printed += self("apply", how, given)
        return printed

    def background(self, *words: str | Path) -> AbstractContextManager[subprocess.Popen[str]]:
        """Run it beside the test, as `kubectl get -w`; it is ended with the `with`."""
        return self._beside(self.command(*words))

    def background_helm(self, *words: str | Path) -> AbstractContextManager[subprocess.Popen[str]]:
        """Run helm beside the test."""
        return self._beside([str(tools.program(self.helm_program)), *map(str, words)])

    @contextmanager
    def _beside(self, command: list[str]) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            command, env=self.environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            process.communicate()

    def within(self, namespace: str) -> Kubectl:
        """Return the same in another namespace."""
        return replace(self, namespace=namespace)

    def with_helm(self, program: str) -> Kubectl:
        """Return the same with another Helm."""
        return replace(self, helm_program=program)

    def using(self, kubeconfig: Path) -> Kubectl:
        """Return the same as another user."""
        return replace(self, kubeconfig=kubeconfig)

    def command(self, *words: str | Path) -> list[str]:
        """Return the command line."""
        return [str(tools.program("kubectl")), *map(str, words)]

    def environment(self) -> dict[str, str]:
        """Return the environment that kubectl and helm are run in."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("KUBE", "HELM_", "XDG_"))}
        return kept | {"KUBECONFIG": str(self._located()), "HOME": str(self.home)}

    def helm(self, *words: str | Path, timeout: float = 120) -> str:
        """Run helm as the same user in the same namespace; fail where it fails."""
        return _succeeded(self.run_helm(*words, timeout=timeout))

    def run_helm(
        self, *words: str | Path, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run helm and return everything, whether it succeeded or not."""
        command = [str(tools.program(self.helm_program)), *map(str, words)]
        return subprocess.run(
            command, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=timeout, check=False,
        )  # fmt: skip

    def _located(self) -> Path:
        """Return the KUBECONFIG with the namespace in it: a flag would refuse other namespaces."""
        config = json.loads(self.kubeconfig.read_text())
        if config["contexts"][0]["context"]["namespace"] == self.namespace:
            return self.kubeconfig
        file = self.home / f"{self.kubeconfig.stem}.{self.namespace}"
        if not file.exists():
            config["contexts"][0]["context"]["namespace"] = self.namespace
            file.write_text(json.dumps(config))
        return file


@dataclass(frozen=True, slots=True)
class Verdict:
    """What kstatus computes of an object."""

    status: str
    """Current, InProgress, Failed, Terminating, NotFound or Unknown."""
    message: str


def kstatus(objects: Sequence[Object]) -> list[Verdict]:
    """Ask the kstatus of Flux, Helm and kpt about objects."""
    done = subprocess.run(
        [tools.program("kstatus")], input="".join(map(json.dumps, objects)),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    parts = [line.partition("\t") for line in _succeeded(done).splitlines()]
    return [Verdict(status, message) for status, _, message in parts]


def _succeeded(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode:
        words: Any = done.args
        raise CommandError(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


def _text(given: str | Object | list[Object] | None) -> str | None:
    if isinstance(given, list):
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": given})
    return json.dumps(given) if isinstance(given, dict) else given
