"""What a person is told of everything that stands in the way."""

from __future__ import annotations

import pytest

from medusa_migrations.contract.errors import DeniedError, RefusedError
from medusa_migrations.plan.findings import Finding, raise_for

RIGHTS = Finding("shop may not create tables", "Grant it", DeniedError, "SchemaPrivilege")
ROWS = Finding("order: 2 rows", "Mend them", RefusedError, "RowsInTheWay", ("one", "two"))
WARNING = Finding("the connection goes through a pooler", "")


def raised(*findings):
    with pytest.raises((DeniedError, RefusedError)) as caught:
        raise_for(findings)
    return caught.value


def test_one_finding_is_told_once():
    exc = raised(WARNING, ROWS)

    assert (str(exc), exc.headline) == ("order: 2 rows. Mend them",) * 2
    assert exc.detail == "For example: one, two"


def test_several_findings_are_told_once_each_and_the_message_keeps_the_keys_out():
    exc = raised(RIGHTS, WARNING, ROWS)

    assert type(exc) is DeniedError
    assert str(exc) == "shop may not create tables. Grant it; order: 2 rows. Mend them"
    assert exc.headline == "2 things stand in the way, nothing was written:"
    assert exc.detail == (
        "- shop may not create tables. Grant it\n- order: 2 rows. Mend them For example: one, two"
    )


def test_warnings_stop_nothing():
    assert raise_for([WARNING]) is None
