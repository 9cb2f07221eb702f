"""Who may read /metrics: what is asked of the API server, and for how long an answer holds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from medusa_operator.api.errors import ApiRefusedError, ApiUnreachableError
from medusa_operator.process import authentication
from medusa_operator.process.authentication import Guard
from medusa_operator.resource import answers

ALLOWED, STRANGER = "Bearer allowed", "Bearer stranger"


@dataclass
class Api:
    """The API server's two questions, with the users that it knows by their token."""

    users: dict[str, str] = field(default_factory=lambda: {"allowed": "reader", "other": "other"})
    asked: list[str] = field(default_factory=list)
    down: Exception | None = None

    async def user_of(self, token):
        self.asked.append(token)
        if self.down:
            raise self.down
        name = self.users.get(token)
        return {"user": name} if name else None

    async def may_get(self, user, path):
        return path == "/metrics" and user["user"] == "reader"


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def api():
    return Api()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ask(api, clock):
    guard = Guard(api, clock)

    def refused(header):
        refusal = asyncio.run(guard.refuse(header))
        return (refusal.status, refusal.message) if refusal else None

    return refused


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer  ", "Basic YWxsb3dlZA==", "allowed"])
def test_without_a_bearer_token_nothing_is_asked(ask, api, header):
    status, message = ask(header)

    assert (status, api.asked) == (401, [])
    assert message.startswith("a bearer token is needed")


@pytest.mark.parametrize("header", [ALLOWED, "bearer allowed", "Bearer   allowed "])
def test_who_may_is_let_in(ask, header):
    assert ask(header) is None


def test_a_token_that_nobody_knows_is_refused(ask):
    assert ask(STRANGER) == (
        401,
        "the API server does not know this token, or it has expired",
    )


def test_who_may_not_is_told_what_is_missing(ask):
    assert ask("Bearer other") == (
        403,
        "other may not read this: a ClusterRole has to allow the verb get on the nonResourceURL /metrics",
    )


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param(ALLOWED, authentication.ALLOWED_SECONDS, id="allowed"),
        pytest.param(STRANGER, authentication.REFUSED_SECONDS, id="refused"),
    ],
)
def test_an_answer_holds_for_a_moment(ask, api, clock, header, seconds):
    first = ask(header)
    clock.now = seconds - 1
    again = ask(header)
    before = len(api.asked)
    clock.now = seconds + 1
    ask(header)

    assert (first, before, len(api.asked)) == (again, 1, 2)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        pytest.param(ApiUnreachableError("it did not answer"), "could not be asked who", id="down"),
        pytest.param(
            ApiRefusedError("forbidden"), "needs the verb create on tokenreviews", id="right"
        ),
    ],
)
def test_where_nobody_can_be_asked_nothing_is_shown_and_nothing_kept(ask, api, error, says):
    api.down = error
    status, message = ask(ALLOWED)
    api.down = None

    assert status == 503
    assert says in message
    assert ask(ALLOWED) is None


def test_strangers_do_not_fill_the_memory(api, clock):
    guard = Guard(api, clock)

    for number in range(3 * authentication.KEPT):
        asyncio.run(guard.refuse(f"Bearer {number}"))

    assert len(guard._known) == authentication.KEPT


@pytest.mark.parametrize(
    ("review", "user"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"status": None}, None, id="null"),
        pytest.param({"status": {"authenticated": False, "user": {}}}, None, id="not-known"),
        pytest.param(
            {
                "status": {
                    "authenticated": True,
                    "user": {"username": "a", "groups": None, "extra": {"k": ["v"]}},
                }
            },
            {"user": "a", "extra": {"k": ["v"]}},
            id="known",
        ),
        pytest.param(
            {
                "status": {
                    "authenticated": True,
                    "user": {"username": "a", "uid": "1", "groups": ["g"]},
                }
            },
            {"user": "a", "groups": ["g"], "uid": "1"},
            id="whole",
        ),
    ],
)
def test_a_token_review_is_read_as_a_subject_access_review_asks(review, user):
    assert answers.user(review) == user


@pytest.mark.parametrize(
    "review",
    [{}, {"status": None}, {"status": {"allowed": False}}, {"status": {"allowed": "true"}}],
)
def test_only_a_plain_yes_is_one(review):
    assert not answers.allowed(review)
    assert answers.allowed({"status": {"allowed": True}})
