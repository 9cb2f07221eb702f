"""A PostgreSQL beside the node: pods reach it by its name, with a password, and by TLS where they ask for it."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from medusa_db.demo import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "postgres.example"
"""Its name in the cluster, and in its certificate."""
PASSWORD = "medusa"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Postgres:
    """The server, and how it is reached from here and from pods."""

    server: embedded.Server

    @property
    def ca(self) -> str:
        """The authority of its certificate, in PEM."""
        return (self.server.folder / "ca.crt").read_text()

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Make a database that belongs to the role `medusa`; drop it in the end."""
        name = f"shop_{next(_numbers)}"
        with psycopg.connect(self.server.url(), autocommit=True) as admin:
            admin.execute(sql.SQL("create database {} owner medusa").format(sql.Identifier(name)))
            yield Database(self, name)
            drop = sql.SQL("drop database if exists {} with (force)")
            admin.execute(drop.format(sql.Identifier(name)))


@dataclass(frozen=True, slots=True)
class Database:
    """One database on it."""

    postgres: Postgres
    name: str

    @property
    def address(self) -> str:
        """The URL without its scheme."""
        return f"medusa:{PASSWORD}@{HOST}:{self.postgres.server.port}/{self.name}"

    @property
    def url(self) -> str:
        """How a pod reaches it."""
        return f"postgres://{self.address}"

    @property
    def here(self) -> str:
        """How the tests reach it."""
        return self.postgres.server.url(self.name, "medusa")


@contextmanager
def started(programs: Path, address: str) -> Iterator[Postgres]:
    """Start a server that listens at *address* as well; `medusa` is the role of its shops.

    Its *programs* need to know TLS, as Debian's do; the embedded server's do not.
    """
    settings = {"listen_addresses": f"127.0.0.1,{address}", "max_connections": "100"}
    server = embedded.temporary(settings=settings, programs=programs, tcp=True)
    try:
        server.start()
        _certify(server.folder)
        _restrict(server)
        yield Postgres(server)
    finally:
        embedded.remove(server)


def _certify(folder: Path) -> None:
    """Make an authority, and a certificate of it for `HOST`."""
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    for words in (
        ("req", "-x509", *new, "-subj", "/CN=shops", "-keyout", "ca.key", "-out", "ca.crt"),
        (
            "req", "-x509", *new, "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}",
            "-CA", "ca.crt", "-CAkey", "ca.key", "-keyout", "server.key", "-out", "server.crt",
        ),
    ):  # fmt: skip
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    owner = folder.stat()
    for name in ("server.key", "server.crt"):
        os.chown(folder / name, owner.st_uid, owner.st_gid)
        (folder / name).chmod(0o600)


def _restrict(server: embedded.Server) -> None:
    access = server.data / "pg_hba.conf"
    access.write_text(f"{access.read_text()}\nhost all medusa 0.0.0.0/0 scram-sha-256\n")
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(f"create role medusa login password '{PASSWORD}'")
        for name in ("cert", "key"):
            file = server.folder / f"server.{'crt' if name == 'cert' else 'key'}"
            setting = sql.SQL("alter system set {} = {}")
            admin.execute(
                setting.format(sql.Identifier(f"ssl_{name}_file"), sql.Literal(str(file)))
            )
        admin.execute("alter system set ssl = on")
    server.stop()
    server.start()
