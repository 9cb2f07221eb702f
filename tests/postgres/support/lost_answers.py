"""A connection that dies in the moment in which a commit is answered: it is done, and nobody is told."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMIT = b"COMMIT\0"


@contextmanager
def losing_commits(
    url: str, *, of: str = "medusa_db.history", after: int = 0, for_good: bool = False
) -> Iterator[str]:
    """Yield the URL of a relay to *url*, which loses the answer to a commit.

    It is that of a transaction that inserts into *of*, behind *after* others that do. Where it loses the
    server *for_good*, nobody is let through any more.
    """
    parts = urlsplit(url)
    there = (parts.hostname or "127.0.0.1", parts.port or 5432)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        relay = _Relay(there, f"insert into {of}".encode(), after, for_good=for_good)
        threading.Thread(target=relay.serve, args=(listening,), daemon=True).start()
        netloc = f"{parts.username}@127.0.0.1:{listening.getsockname()[1]}"
        query = "&".join(filter(None, (parts.query, "sslmode=disable", "gssencmode=disable")))
        yield urlunsplit(parts._replace(netloc=netloc, query=query))


class _Relay:
    def __init__(
        self, there: tuple[str, int], insert: bytes, after: int, *, for_good: bool
    ) -> None:
        self.for_good = for_good
        self.there = there
        self.insert = insert
        self.left = after

    def serve(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:  # closed
                return
            if self.for_good and self.left < 0:
                client.close()
                continue
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        lost = threading.Event()
        with client, socket.create_connection(self.there) as server, suppress(OSError):
            back = threading.Thread(target=_answers, args=(server, client, lost), daemon=True)
            back.start()
            inserted = False
            while chunk := client.recv(65536):
                inserted = inserted or self.insert in chunk
                if inserted and _COMMIT in chunk:
                    if self.left == 0:
                        lost.set()
                    self.left -= 1
                    inserted = False
                server.sendall(chunk)
                if lost.is_set():
                    back.join()  # the server has answered
                    return
            server.shutdown(socket.SHUT_WR)
            back.join()


def _answers(server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
    with suppress(OSError):
        while chunk := server.recv(65536):
            if lost.is_set():
                return
            client.sendall(chunk)
        client.shutdown(socket.SHUT_WR)
