"""Roles with rights of their own, and shops whose owner is no superuser."""

from __future__ import annotations

import itertools
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from psycopg import sql

import servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers import TestServer

_numbers = itertools.count(1)


@contextmanager
def role(server: TestServer, database: str, *grants: str) -> Iterator[str]:
    """Make a role with *grants* on *database* (`{}` is the role), yield its name, drop it."""
    name = f"role_{os.getpid()}_{next(_numbers)}"
    server.execute("create role {} login", name)
    with psycopg.connect(server.url(database), autocommit=True) as conn:
        for grant in grants:
            conn.execute(sql.SQL(grant).format(sql.Identifier(name)))
    try:
        yield name
    finally:
        with psycopg.connect(server.url(database), autocommit=True) as conn:
            conn.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
        server.execute("drop role {}", name)


class Shop(NamedTuple):
    """A shop with products, whose tables belong to *owner*, who is no superuser."""

    url: str
    admin: str
    name: str
    owner: str

    def run(self, *statements: str) -> None:
        """Run statements as the superuser; `{}` is the owner."""
        with psycopg.connect(self.admin, autocommit=True) as conn:
            for one in statements:
                conn.execute(sql.SQL(one).format(sql.Identifier(self.owner)))

    def count(self, query: str) -> int:
        """Return the count that *query* yields to the superuser."""
        with psycopg.connect(self.admin) as conn:
            (number,) = servers.rows(conn, query)[0]
            return int(number)


@contextmanager
def owned_shop(server: TestServer, version: str) -> Iterator[Shop]:
    """Make a shop at *version* with the demo shop's products, in a database of its owner's."""
    with (
        server.database() as name,
        role(
            server,
            name,
            "grant usage, create on schema public to {}",
            f"grant create on database {name} to {{}}",
        ) as owner,
    ):
        admin, url = server.url(name), server.url(name, owner)
        with psycopg.connect(admin) as conn:
            conn.execute("create extension pg_trgm")
        for words in (("migrate", "--to", version), ("seed", "--demo")):
            done = servers.medusa_db(*words, url=url)
            assert done.returncode == 0, done.stderr
        yield Shop(url, admin, name, owner)
