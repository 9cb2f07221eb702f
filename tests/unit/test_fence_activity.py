"""A command stalls where nothing changes in its sessions, none works, and it prints nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medusa_project.fence.activity import Activity, Session

IDLE = Session(7, "idle in transaction", "Client", "12:00:00", "12:00:01")
START = Activity(0.0, (IDLE,), bytes=10)


@pytest.mark.parametrize(
    ("sessions", "output", "moved"),
    [
        pytest.param([IDLE], 10, False, id="as-before"),
        pytest.param(None, 10, False, id="not-looked"),
        pytest.param([IDLE], 11, True, id="output"),
        pytest.param(None, 11, True, id="output-not-looked"),
        pytest.param([], 10, True, id="session-ended"),
        pytest.param([IDLE, replace(IDLE, pid=8)], 10, True, id="session-more"),
        pytest.param([replace(IDLE, query_start="12:00:02")], 10, True, id="next-query"),
        pytest.param([replace(IDLE, state_change="12:00:02")], 10, True, id="state-changed"),
    ],
)
def test_any_change_is_activity(sessions, output, moved):
    after = START.observe(5.0, sessions, output)

    assert after.idle(5.0) == (0.0 if moved else 5.0)


@pytest.mark.parametrize(
    ("state", "waits_for", "works"),
    [
        pytest.param("active", "", True, id="on-the-processor"),
        pytest.param("active", "Lock", True, id="for-a-lock"),
        pytest.param("active", "IO", True, id="for-the-disk"),
        pytest.param("active", "Client", False, id="copy-from-a-client-that-sends-nothing"),
        pytest.param("idle", "Client", False, id="idle"),
        pytest.param("idle in transaction", "Client", False, id="idle-in-transaction"),
        pytest.param("", "", False, id="not-ours-to-see"),
    ],
)
def test_a_session_works_unless_it_waits_for_its_client(state, waits_for, works):
    session = replace(IDLE, state=state, wait_event_type=waits_for)
    start = Activity(0.0, (session,))

    assert (start.observe(5.0, [session], 0).idle(5.0) == 0.0) is works


def test_a_look_that_did_not_come_back_does_not_make_the_next_one_a_change():
    activity = START.observe(1.0, None, 10).observe(2.0, [IDLE], 10)

    assert activity.idle(3.0) == 3.0
