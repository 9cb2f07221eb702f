"""Which feature flags the published packages know, by the names that they give them."""

from __future__ import annotations

from medusa_testbed.medusa import packages

VERSIONS = packages.published_versions()
FLAGS = {
    "sales_channels": ("1.3.4", "1.20.11"),
    "tax_inclusive_pricing": ("1.3.9", "1.20.11"),
    "order_editing": ("1.4.1", "1.20.11"),
    "analytics": ("1.6.0", "1.20.11"),
    "publishable_api_keys": ("1.6.5", "1.20.11"),
    "isolate_product_domain": ("1.15.1", "1.17.4"),
    "medusa_v2": ("1.18.0", "1.20.11"),
}
"""The first and the last published version whose package knows a flag of a migration."""
RENAMED = {"isolate_product_domain": "medusa_v2"}
"""Flags that have another name in later packages."""


def known(version: str) -> list[str]:
    """Return the flags of migrations that the package of *version* knows."""
    place = VERSIONS.index(version)
    return [
        flag
        for flag, (first, last) in FLAGS.items()
        if VERSIONS.index(first) <= place <= VERSIONS.index(last)
    ]
