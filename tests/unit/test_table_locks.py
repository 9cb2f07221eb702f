import pytest

from medusa_migrations.postgres.table_locks import TableLock, groups, one_try


@pytest.mark.parametrize(
    ("lock_timeout", "deadlock_timeout", "seconds"),
    [(5.0, 1.0, 0.5), (0.2, 1.0, 0.2), (0.0, 1.0, 0.5), (5.0, 0.05, 0.025), (5.0, 0.001, 0.001)],
)
def test_a_try_ends_before_anybody_who_waits_for_it_looks_for_a_deadlock(
    lock_timeout, deadlock_timeout, seconds
):
    assert one_try(lock_timeout, deadlock_timeout) == seconds


def test_tables_are_locked_by_mode_and_always_in_the_same_order():
    locks = [
        TableLock("c", "share"),
        TableLock("b", "access exclusive"),
        TableLock("d", "access exclusive", may=False),
        TableLock("a", "access exclusive"),
    ]

    assert groups(locks) == [("access exclusive", ["a", "b"]), ("share", ["c"])]
