"""A peer that stays up and says nothing: it takes connections, answers keepalives, and forwards nothing."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


class Peer:
    """A relay to a server, until it falls silent."""

    def __init__(self, server: tuple[str, int], at: bytes, after: bytes) -> None:
        """Forward to *server* until *at* is in what a client sends, behind *after*; empty: until told."""
        self.server = server
        self.at = at
        self.after = after
        self.silent = threading.Event()
        self.lets_new_ones_through = False
        """Whether connections that come later are forwarded all the same."""
        self.drips = False
        """Whether it sends a notice to the client now and then, where it is silent otherwise."""
        self.accepted = 0

    def serve(self, listening: socket.socket) -> None:
        """Take connections until *listening* is closed."""
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        late = self.silent.is_set() and self.lets_new_ones_through
        with client, suppress(OSError), socket.create_connection(self.server) as server:
            threading.Thread(target=self._forward, args=(server, client, late), daemon=True).start()
            self._forward(client, server, late)
            server.shutdown(socket.SHUT_RDWR)  # whoever waited for it has gone

    def _forward(self, source: socket.socket, to: socket.socket, late: bool) -> None:
        seen = b""
        with suppress(OSError):
            while chunk := source.recv(65536):
                seen = (seen + chunk)[-65536:]
                if (
                    self.at
                    and self.at in seen[max(0, seen.find(self.after)) :]
                    and self.after in seen
                ):
                    self.silent.set()
                if self.silent.is_set() and not late:
                    if self.drips:
                        threading.Thread(target=_drip, args=(source,), daemon=True).start()
                    continue
                to.sendall(chunk)


def _drip(client: socket.socket) -> None:
    """Send a byte of a long notice every 20 ms, as long as somebody takes it."""
    with suppress(OSError):
        client.sendall(b"N\x00\x0f\xff\xff")
        while True:
            client.sendall(b"x")
            time.sleep(0.02)


@contextmanager
def peer(url: str, at: str = "", after: str = "") -> Iterator[tuple[str, Peer]]:
    """Yield a URL that leads to *url* through a relay, and the relay."""
    parts = urlsplit(url)
    found = Peer((parts.hostname or "127.0.0.1", parts.port or 5432), at.encode(), after.encode())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=found.serve, args=(listening,), daemon=True).start()
        netloc = f"{parts.username}@127.0.0.1:{listening.getsockname()[1]}"
        query = "&".join(filter(None, (parts.query, "sslmode=disable", "gssencmode=disable")))
        yield urlunsplit(parts._replace(netloc=netloc, query=query)), found
