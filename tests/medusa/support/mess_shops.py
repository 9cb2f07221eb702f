"""Shops that real life has changed: made, copied, upgraded by Medusa and by us, and compared."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import signal
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from unittest import mock

import psycopg
from psycopg import sql

import data_step_shop
import medusa_rows
import medusa_snapshot as snapshots
from medusa_db import parser
from medusa_equality import NAMES, clock
from medusa_replay import ReplayError, replay
from mess_judge import Run, Seen
from mess_mutations import OWNER, STRANGER, Mutation, Name
from mess_scripts import ScriptError, data_scripts, run_script, without_new_ids
from mess_upgrades import environment
from servers import environ

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from mess_upgrades import Upgrade
    from servers import TestServer

_numbers = itertools.count(1)

SIZE = data_step_shop.Size(orders=12, products=12, rules=12, gift_cards=12)
KEPT = 80
"""How many templates are kept at most, beside those of the shop at hand."""


class Rows(StrEnum):
    """What is in a shop."""

    NONE = "none"
    RANDOM = "random"
    """A few of each table, of any value."""
    OF_DATA_STEPS = "of data steps"
    """Those that the data steps are about, as real orders and discounts have them."""


_SURROUNDINGS = """
    select 'policy ' || pg_get_expr(polqual, polrelid) || ' on ' || polrelid::regclass from pg_policy
    union all select 'rule ' || definition from pg_rules where schemaname <> 'pg_catalog'
    union all select 'publication ' || p::text from pg_publication p
    union all select 'publication ' || t::text from pg_publication_tables t where schemaname = any (%(schemas)s)
    union all select 'event trigger ' || evtname from pg_event_trigger
    union all select 'statistics ' || pg_get_statisticsobjdef(oid) from pg_statistic_ext
    union all select format('%%s of %%s: %%s', oid::regclass, relowner::regrole, relacl) from pg_class
        where relkind in ('r', 'v', 'm', 'S') and relnamespace = any (%(schemas)s::regnamespace[])
    union all select format('rights on %%s.%%s: %%s', attrelid::regclass, attname, attacl)
        from pg_attribute where attacl is not null and attnum > 0 and attrelid > 16384
    union all select format('type %%s of %%s', oid::regtype, typowner::regrole) from pg_type
        where typtype in ('e', 'd') and typnamespace = any (%(schemas)s::regnamespace[])
    union all select format('%%s on %%s: %%s', tgname, tgrelid::regclass, tgenabled) from pg_trigger
        where not tgisinternal
    union all select format('disabled on %%s', tgrelid::regclass) from pg_trigger
        where tgisinternal and tgenabled <> 'O'
    union all select format('schema %%s of %%s: %%s', oid::regnamespace, nspowner::regrole, nspacl)
        from pg_namespace where oid = any (%(schemas)s::regnamespace[])
"""
"""What a snapshot does not tell: what depends on tables, and whose they are."""
_SCHEMAS = """
    select nspname::text from pg_namespace
    where nspname !~ '^pg_' and nspname not in ('information_schema', 'medusa_db') order by 1
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One mutation as it was drawn: what it was done to, and whether PostgreSQL took it."""

    mutation: Mutation
    on: tuple[str, ...]

    @property
    def sql(self) -> str:
        return self.mutation.sql.format(*map(Name, self.on))

    def __str__(self) -> str:
        done = self.sql or f"alter database ... set {self.mutation.settings}"
        return f"{self.mutation.name}: {done}"


@dataclass
class Shops:
    """Populated shops of a server, one a version: templates that are made when they are asked for."""

    server: TestServer
    made: dict[tuple[str, tuple[tuple[str, bool], ...], Rows], str] = field(default_factory=dict)
    """By version, flags and rows; the one that was asked for last stands last."""

    def prepare(self) -> None:
        """Make the roles, which belong to the server."""
        for name in (OWNER, STRANGER):
            self.server.execute("create role {} login", name)

    def remove(self) -> None:
        """Drop what was made."""
        for name in self.made.values():
            self.server.drop(name)
        for name in (OWNER, STRANGER):
            self.server.execute("drop role {}", name)

    def template(self, version: str, flags: dict[str, bool], rows: Rows) -> str:
        """Name a database that Medusa has brought to *version* with *flags*, and its *rows*."""
        key = (version, tuple(sorted(flags.items())), rows)
        if key in self.made:
            self.made[key] = self.made.pop(key)
        else:
            name = f"mess_{os.getpid()}_{next(_numbers)}"
            if rows is not Rows.NONE:
                empty = self.template(version, flags, Rows.NONE)
                self.server.execute("create database {} template {}", name, empty)
                if rows is Rows.OF_DATA_STEPS:
                    data_step_shop.fill(self.server.url(name), SIZE, seed=0)
                else:
                    with psycopg.connect(self.server.url(name)) as conn:
                        medusa_rows.fill(conn, seed=version, rows=4)
            else:
                self.server.execute("create database {} template template0", name)
                self.server.execute("grant create on database {} to {}", name, OWNER)
                with psycopg.connect(self.server.url(name), autocommit=True) as conn:
                    conn.execute(
                        sql.SQL("alter schema public owner to {}").format(sql.Identifier(OWNER))
                    )
                replay(version, self.server.url(name, OWNER), environment(flags))
            self.made[key] = name
        return self.made[key]

    def _forget(self) -> None:
        """Drop the templates that were not asked for lately: there are thousands of kinds."""
        for key in list(self.made)[:-KEPT]:
            self.server.drop(self.made.pop(key))

    @contextlib.contextmanager
    def shop(self, upgrade: Upgrade) -> Iterator[Shop]:
        """Yield the shop that *upgrade* is for, with nothing done to it yet."""
        self._forget()
        rows = Rows.OF_DATA_STEPS if upgrade.data_steps else Rows.RANDOM
        with self.server.database(self.template(upgrade.before, dict(upgrade.had), rows)) as name:
            # what the owner may on a database is not copied with it
            self.server.execute("grant create on database {} to {}", name, OWNER)
            yield Shop(self, name, upgrade)


@dataclass
class Shop:
    """A shop, and what was done to it."""

    shops: Shops
    name: str
    upgrade: Upgrade
    done: list[Step] = field(default_factory=list)

    @property
    def server(self) -> TestServer:
        return self.shops.server

    @property
    def settings(self) -> list[str]:
        return [step.mutation.settings for step in self.done if step.mutation.settings]

    @property
    def schema(self) -> str:
        moved = any(step.mutation.name == "a schema of one's own" for step in self.done)
        return "shop" if moved else "public"

    @property
    def _ids_double(self) -> bool:
        """Whether the ledger's next ids are those of other rows, and it takes them."""
        done = {step.mutation.name for step in self.done}
        return {"the ledger without a key", "the ledger's sequence behind"} <= done

    def candidates(self, mutation: Mutation) -> list[tuple[str, ...]]:
        """Return what *mutation* can be done to."""
        present = self._ask(self.name, mutation.on, self.schema)
        if not mutation.later:
            return present
        try:
            later = self.shops.template(self.upgrade.after, self.upgrade.theirs, Rows.NONE)
        except ReplayError:  # with these flags Medusa has no such version
            return []
        names = {one[:2] for one in present}
        return [one for one in self._ask(later, mutation.on, "public") if one[:2] not in names]

    def _ask(self, name: str, query: str, schema: str) -> list[tuple[str, ...]]:
        with psycopg.connect(self.server.url(name)) as conn:
            conn.execute("select set_config('search_path', %s, false)", [schema])
            return conn.execute(query.encode()).fetchall()

    def apply(self, step: Step) -> str:
        """Do *step*; return why PostgreSQL would not, or an empty string."""
        with psycopg.connect(self.server.url(self.name)) as conn:
            conn.execute("select set_config('search_path', %s, false)", [self.schema])
            if not step.mutation.admin:
                conn.execute(sql.SQL("set role {}").format(sql.Identifier(OWNER)))
            try:
                if step.sql:
                    conn.execute(step.sql.encode())
                if step.mutation.settings:
                    self._set(conn, self.name, step.mutation.settings)
                conn.commit()
            except psycopg.Error as exc:
                return str(exc).partition("\n")[0]
        self.done.append(step)
        return ""

    def _set(self, conn: psycopg.Connection[Any], name: str, setting: str) -> None:
        conn.execute("reset role")
        change = sql.SQL("alter database {} set ").format(sql.Identifier(name)).as_string(conn)
        conn.execute((change + setting).encode())

    def see(self, *, each: bool) -> Seen:
        """Let Medusa upgrade a copy and us the shop itself; return everything that was seen."""
        with self.server.database(self.name) as copy:
            self.server.execute("grant create on database {} to {}", copy, OWNER)
            with psycopg.connect(self.server.admin_url, autocommit=True) as conn:
                for setting in self.settings:
                    self._set(conn, copy, setting)
                if any(step.mutation.name.startswith("may not create") for step in self.done):
                    self.server.execute("revoke create on database {} from {}", copy, OWNER)
            ours, theirs = self.server.url(self.name, OWNER), self.server.url(copy, OWNER)
            since = clock(self.server.admin_url)  # in no database that has settings of its own
            to, flags = self.upgrade.after, self.upgrade.ours
            how = [f"--flag={name}={str(on).lower()}" for name, on in flags.items()]
            how += [f"--stop={version}" for version, _ in data_scripts(self.upgrade)]
            how += [] if self.upgrade.data_steps else ["--no-data-steps"]
            how += ["--transaction", "each"] if each else []
            plan = run("plan", "--check", "--to", to, *how, url=ours)
            first = run("migrate", "--to", to, *how, url=ours)
            changed = failed = difference = ""
            if first.code:  # the copy is as it was
                changed = _difference(
                    self.state(copy), self.state(self.name), ("before", "afterwards")
                )
            second = run("migrate", "--to", to, *how, url=ours)
            verify = run("verify", "--to", to, url=ours)
            try:
                self._as_medusa_does(theirs)
            except (ReplayError, ScriptError) as exc:
                failed = str(exc)
            if not failed and first.code == 0:
                difference = _difference(
                    self.state(copy, since=since), self.state(self.name, since=since), NAMES
                )
            return Seen(
                theirs=failed, plan=plan, first=first, second=second, verify=verify,
                changed=changed, difference=difference, each=each,
                unforeseeable=any(step.mutation.unforeseeable for step in self.done),
            )  # fmt: skip

    def _as_medusa_does(self, url: str) -> None:
        """Upgrade the shop at *url* by Medusa's migrations, and its scripts where data steps are wanted."""
        for version, scripts in data_scripts(self.upgrade):
            replay(version, url, environment(self.upgrade.on_the_way))
            for script in scripts:
                run_script(version, script, url)
        replay(self.upgrade.after, url, environment(self.upgrade.theirs))

    def state(self, name: str, *, since: datetime | None = None) -> list[str]:
        """Return everything that a database holds: schemas, rows, ledger, owners, rights, and the rest.

        Two runs are compared *since* they began: then what must differ, or is ours alone, is left out.
        """
        facts = []
        with psycopg.connect(self.server.url(name)) as conn:
            conn.execute(
                "set row_security = off; set timezone = 'UTC'; reset search_path; set client_encoding = 'UTF8'"
            )
            conn.execute(
                "set datestyle = iso; set intervalstyle = postgres; set extra_float_digits = 1; set bytea_output = hex"
            )
            schemas = [one for (one,) in conn.execute(_SCHEMAS)]
            conn.execute("set search_path = pg_catalog")
            facts += [str(one) for (one,) in conn.execute(_SURROUNDINGS, {"schemas": schemas})]
            for schema in schemas:
                facts += [f"{schema}: {fact}" for fact in snapshots.snapshot(conn, schema)]
                rows = snapshots.rows(conn, since=since, schema=schema)
                facts += [
                    f"{schema}.{table}: {', '.join(row)}" for table in rows for row in rows[table]
                ]
            conn.execute(sql.SQL("set search_path = {}").format(sql.Identifier(self.schema)))
            ids = "null" if since else "id"
            # Medusa gives ids that are there already, where nothing forbids it: then they tell no order
            place = "null" if self._ids_double else "row_number() over (order by id)"
            ledger = f"select {ids}, {place}, timestamp, name from migrations"
            facts += [f"ledger {row}" for row in conn.execute(ledger.encode())]
            if not since:
                facts += [
                    f"schema medusa_db {row}"
                    for row in conn.execute("select from pg_namespace where nspname = 'medusa_db'")
                ]
            if since and self.upgrade.data_steps:
                facts = without_new_ids(conn, facts)
        return sorted(facts)


def run(*words: str, url: str) -> Run:
    """Run `medusa-db` in this process: a new one would take longer than most of what it does."""
    stdout, stderr = io.StringIO(), io.StringIO()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with (
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
            mock.patch.dict(os.environ, environ(url), clear=True),
        ):
            code = parser.main([*words, "--output", "json"])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    text = stdout.getvalue()
    return Run(code, json.loads(text) if text.strip() else {}, stderr.getvalue())


def _difference(left: Sequence[str], right: Sequence[str], names: tuple[str, str]) -> str:
    return snapshots.difference(tuple(left), tuple(right), names=names)
