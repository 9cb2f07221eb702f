"""A Docker engine of the tests' own, and the image built in it; no registry of images is asked."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_testbed.processes import Daemon
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

ROOT = Path(__file__).parents[3]
BASE = "base:test"
IMAGE = "medusa-database-operator:test"
RUNNER = "medusa-database-operator:runner"
DOCKER = "/usr/bin/docker"
"""Debian's own client, which builds by itself; a newer one earlier on the path would want a plugin."""

_SUITE = "trixie"
"""Debian 13, as the Dockerfile's own base: Python 3.13."""
_PACKAGES = "ca-certificates,python3,python3-venv"
_LEFT_OUT = ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/man")
_KEPT = 4
"""So many built images stay in the cache."""
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


def unobtainable() -> str:
    """Return what is missing for an engine of our own; empty where nothing is."""
    if os.geteuid() != 0:
        return "a Docker engine of one's own needs root"
    absent = [name for name in ("dockerd", "debootstrap") if not shutil.which(name)]
    absent += [] if Path(DOCKER).exists() else ["docker"]
    return (
        f"not installed: {', '.join(absent)} (apt-get install docker.io debootstrap)"
        if absent
        else ""
    )


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that listens on a socket of its own."""

    socket: Path
    pid: int = 0
    """Its process."""

    def __call__(self, *words: str | Path, timeout: float = 600) -> str:
        """Run docker and return its standard output; fail where it fails."""
        done = self.run(*words, timeout=timeout)
        assert done.returncode == 0, f"docker {' '.join(map(str, words))}\n{done.stderr[-3000:]}"
        return done.stdout

    def run(self, *words: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run docker and return everything, whether it succeeded or not."""
        return subprocess.run(
            self.command(*words), env=self.environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip

    def command(self, *words: str | Path) -> list[str]:
        """Return the command line."""
        return [DOCKER, *map(str, words)]

    def inside(self, *command: str | Path) -> list[str]:
        """Return *command* so that it runs in the engine's own network, where it publishes ports."""
        return ["nsenter", "--net", "--target", str(self.pid), "--", *map(str, command)]

    def environment(self) -> dict[str, str]:
        """Return the environment that docker is run in."""
        return os.environ | {"DOCKER_HOST": f"unix://{self.socket}", "DOCKER_BUILDKIT": "1"}

    def load_base(self) -> None:
        """Have the base that our images are built on, as `BASE`."""
        self("import", base(), BASE)

    def load_base_of(self, architecture: str) -> str:
        """Have the base of another architecture (`arm64`), and return its name; an emulator has to be registered."""
        name = f"base:{architecture}"
        with tempfile.TemporaryDirectory() as folder:
            self("load", "--input", _image(base(architecture), architecture, name, Path(folder)))
        return name

    def build(self) -> None:
        """Build the image from the Dockerfile, and that of the runner alone."""
        self.load_base()
        self.build_runner(RUNNER)
        self("build", *_options(), "--tag", IMAGE, ROOT)

    def build_runner(self, tag: str, *words: str, timeout: float = 600) -> None:
        """Build the image of the runner alone as *tag*."""
        target = ("--target", "runner", "--tag", tag, ROOT)
        self("build", *_options(), *words, *target, timeout=timeout)

    def layers(self, image: str) -> list[str]:
        """Return the digests of an image's layers."""
        layers: list[str] = json.loads(
            self("image", "inspect", "--format", "{{json .RootFS.Layers}}", image)
        )
        return layers

    def pulled(self, image: str) -> int:
        """Return the bytes that a registry sends for an image: its layers, compressed by gzip."""
        with self._saved(image) as layers:
            return sum(_compressed(layer) for layer in layers)

    def files(self, image: str) -> list[tarfile.TarInfo]:
        """Return what is in an image, layer by layer, folders among it."""
        with self._saved(image) as layers:
            found = []
            for layer in layers:
                with tarfile.open(fileobj=layer) as archive:
                    found += archive.getmembers()
            return found

    @contextmanager
    def _saved(self, image: str) -> Iterator[list[IO[bytes]]]:
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "image.tar")
            self("save", "--output", archive, image)
            with tarfile.open(archive) as saved:
                manifest = json.load(_member(saved, "manifest.json"))
                yield [_member(saved, layer) for layer in manifest[0]["Layers"]]


@contextmanager
def started(*, networks: bool = False) -> Iterator[Engine]:
    """Start an engine in a temporary folder for the duration of a `with`.

    Containers have the machine's network; with *networks* they have those that they ask for, in a network of the
    engine's own, from which nothing of the machine is reached.
    """
    folder = Path(tempfile.mkdtemp(prefix="medusa-docker-"))
    socket = folder / "socket"
    daemon = Daemon(
        [
            "unshare", "--mount",  # what it mounts is gone with it
            *(("--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh") if networks else ()),
            "dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none",
            "--data-root", folder / "data", "--exec-root", folder / "run",
            "--pidfile", folder / "pid", "--host", f"unix://{socket}",
        ],
        folder / "log",
    )  # fmt: skip
    try:
        daemon.start()
        engine = Engine(socket, daemon.pid)
        eventually(lambda: daemon.exited is not None or engine.run("version").returncode == 0, 60)
        assert daemon.exited is None, daemon.tail()
        yield engine
    finally:
        daemon.stop(signal.SIGTERM, within=60)
        shutil.rmtree(folder, ignore_errors=True)


def built() -> Path:
    """Return an archive with the image and that of the runner alone.

    It is built where what goes into it has changed since; a few are kept.
    """
    key = _digest(_context())
    with _cached(f"image-{key}.tar") as archive:
        if not archive.exists():
            with started() as engine, _beside(archive) as folder:
                engine.build()
                engine("save", "--output", folder / "image.tar", IMAGE, RUNNER)
                (folder / "image.tar").rename(archive)
        archive.touch()
        kept = sorted(
            archive.parent.glob("image-????????????????.tar"), key=lambda p: p.stat().st_mtime
        )
        for old in kept[:-_KEPT]:
            old.unlink()
    return archive


def _context() -> Iterator[bytes]:
    """Yield what the Dockerfile may copy, by the exceptions of .dockerignore, and the base."""
    yield base().name.encode()
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    for name in ["Dockerfile", *sorted(line[1:] for line in lines if line.startswith("!"))]:
        found = ROOT / name
        for file in [found] if found.is_file() else sorted(found.rglob("*")):
            if file.is_file() and file.suffix != ".pyc" and file.name != "catalog.json":
                yield str(file.relative_to(ROOT)).encode()
                yield file.read_bytes()


def _digest(parts: Iterable[bytes]) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


@contextmanager
def _cached(name: str) -> Iterator[Path]:
    """Yield a path in the cache, which nobody else makes meanwhile."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    file = cache / "medusa-database-operator" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield file


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """Yield a folder on the same file system, so that a rename out of it is atomic."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".building-") as folder:
        yield Path(folder)


def _options() -> list[str]:
    secret = ["--secret", f"id=ca,src={AUTHORITIES}"] if AUTHORITIES.exists() else []
    return ["--network", "host", "--build-arg", f"BASE={BASE}", *secret]


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    assert found is not None, name
    return found


def _compressed(layer: IO[bytes]) -> int:
    packer, size = zlib.compressobj(wbits=31), 0
    while piece := layer.read(1 << 20):
        size += len(packer.compress(piece))
    return size + len(packer.flush())


def base(architecture: str = "") -> Path:
    """Return the root of a small Debian with Python, made once; of this machine's architecture or a given one."""
    key = _digest([" ".join((_SUITE, _PACKAGES, *_LEFT_OUT, *architecture.split())).encode()])
    with _cached(f"image-base-{key}.tar") as archive:
        if not archive.exists():
            with _beside(archive) as folder:
                _bootstrap(folder, architecture).rename(archive)
    return archive


def _bootstrap(folder: Path, architecture: str) -> Path:
    root, archive = folder / "root", folder / "base.tar"
    left_out = [f"--exclude=./{path}/*" for path in _LEFT_OUT]
    given = [f"--arch={architecture}"] if architecture else []
    for command in (
        ["debootstrap", *given, "--variant=minbase", f"--include={_PACKAGES}", _SUITE, str(root)],
        ["tar", "--create", "--file", str(archive), "--directory", str(root), *left_out, "."],
    ):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command[0]}:\n{(done.stdout + done.stderr)[-2000:]}"
    return archive


def _image(root: Path, architecture: str, name: str, folder: Path) -> Path:
    """Return an archive for `docker load` of one layer; `docker import` takes this machine's architecture for it."""
    with root.open("rb") as file:
        layer = hashlib.file_digest(file, "sha256").hexdigest()
    config = {
        "architecture": architecture, "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
    }  # fmt: skip
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    for file_name, content in (("config.json", config), ("manifest.json", manifest)):
        (folder / file_name).write_text(json.dumps(content))
    with tarfile.open(archive := folder / "image.tar", "w") as packed:
        for file_name in ("config.json", "manifest.json"):
            packed.add(folder / file_name, file_name)
        packed.add(root, "layer.tar")
    return archive
