"""The charts need helm and kubectl: built from their Go modules, or found in KUBEBUILDER_ASSETS."""

from __future__ import annotations

import pytest

from medusa_testbed import tools
from tiers import need


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave time to build helm and kubectl where that was not done."""
    for item in items:
        if item.path.parent.name == "chart":
            item.add_marker(pytest.mark.timeout(3000))


@pytest.fixture(autouse=True)
def _programs() -> None:
    need(tools.obtainable(), "there is neither Go nor helm in KUBEBUILDER_ASSETS")
