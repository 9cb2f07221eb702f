"""The demo shop: a document of our own, in files that can be seeded apart; and when it may be loaded."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import RefusedError

if TYPE_CHECKING:
    from medusa_seed.document.document import Document
    from medusa_seed.planning.present import Shop


def folder() -> Path:
    """Return the folder of its files: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).parents[1]
    inside = here / "data"
    return inside if inside.is_dir() else here.parent / "data"


def refuse_in_use(shop: Shop) -> None:
    """Raise RefusedError where *shop* has what a merchant would not want mixed with a demo's."""
    found = [
        name
        for name, has in (
            ("products", shop.has_products),
            ("orders", shop.has_orders),
            ("users", bool(shop.rows["user"])),
        )
        if has
    ]
    if found:
        raise RefusedError(
            f"the shop has {' and '.join(found)}: the demo would add products, regions and an "
            "administrator to it. It is for an empty shop; --yes loads it all the same",
            reason="ShopInUse",
        )


def make_passwords(document: Document, shop: Shop) -> dict[str, str]:
    """Give each user of *document* whom *shop* lacks a password of its own; return them by email.

    Those in the document are public. A user who exists keeps the password that is in use.
    """
    made = {}
    existing = {row["email"] for row in shop.rows["user"]}
    users = document.lists.get("users", [])
    for index, placed in enumerate(users):
        body = {key: value for key, value in placed.body.items() if key != "password"}
        email = str(body["email"]).lower()
        if email not in existing:
            body["password"] = made[email] = secrets.token_urlsafe(15)
        users[index] = placed._replace(body=body)
    return made
