"""A relay that stops a run at a moment around its commit, until the test lets it go on."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMIT = b"COMMIT\0"


class Moment(StrEnum):
    """Where a run is stopped."""

    CONNECTING = "connecting"
    RECORDING = "recording"
    """Everything has run, and its record is on its way to the server."""
    COMMITTING = "committing"
    """COMMIT is sent, and has not come to the server."""
    COMMITTED = "committed"
    """The server has committed, and its answer has not come back."""
    AFTERWARDS = "afterwards"
    """The answer has come, and what is asked next is on its way to the server."""


@dataclass
class Held:
    """A run that is, or will be, stopped."""

    moment: Moment
    insert: bytes
    after: int
    _reached: threading.Event = field(default_factory=threading.Event)
    _open: threading.Event = field(default_factory=threading.Event)

    def reached(self) -> bool:
        """Return whether the run has come to that moment."""
        return self._reached.is_set()

    def open(self) -> None:
        """Let it go on."""
        self._open.set()

    def stop(self) -> None:
        """Wait, in the relay, until the test lets it go on."""
        if not self._reached.is_set():
            self._reached.set()
            self._open.wait(60)


@contextmanager
def holding(
    url: str, moment: Moment, *, of: str = "medusa_db.history", after: int = 0
) -> Iterator[tuple[str, Held]]:
    """Yield the URL of a relay to *url*, and what stops the first run that goes through it.

    It is stopped around the commit of a transaction that inserts into *of*, behind *after* others that do.
    """
    parts = urlsplit(url)
    there = (parts.hostname or "127.0.0.1", parts.port or 5432)
    held = Held(moment, f"insert into {of}".encode(), after)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_serve, args=(listening, there, held), daemon=True).start()
        netloc = f"{parts.username}@127.0.0.1:{listening.getsockname()[1]}"
        query = "&".join(filter(None, (parts.query, "sslmode=disable", "gssencmode=disable")))
        try:
            yield urlunsplit(parts._replace(netloc=netloc, query=query)), held
        finally:
            held.open()


def _serve(listening: socket.socket, there: tuple[str, int], held: Held) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:  # closed
            return
        threading.Thread(target=_relay, args=(client, there, held), daemon=True).start()


def _relay(client: socket.socket, there: tuple[str, int], held: Held) -> None:
    answer, answered = threading.Event(), threading.Event()
    with client, socket.create_connection(there) as server, suppress(OSError):
        threading.Thread(
            target=_answers, args=(server, client, held, answer, answered), daemon=True
        ).start()
        inserted = False
        while chunk := client.recv(65536):
            if held.moment is Moment.CONNECTING:
                held.stop()
            if answered.is_set() and held.moment is Moment.AFTERWARDS:
                held.stop()
            inserted = inserted or held.insert in chunk
            if held.after == 0 and held.insert in chunk and held.moment is Moment.RECORDING:
                held.stop()
            if inserted and _COMMIT in chunk:
                inserted = False
                if held.after == 0:
                    answer.set()
                    if held.moment is Moment.COMMITTING:
                        held.stop()
                held.after -= 1
            server.sendall(chunk)
        server.shutdown(socket.SHUT_WR)


def _answers(
    server: socket.socket,
    client: socket.socket,
    held: Held,
    answer: threading.Event,
    answered: threading.Event,
) -> None:
    with suppress(OSError):
        while chunk := server.recv(65536):
            if answer.is_set() and not answered.is_set():
                if held.moment is Moment.COMMITTED:
                    held.stop()
                answered.set()
            client.sendall(chunk)
        client.shutdown(socket.SHUT_WR)
