"""What is shown and kept of a command's output: masked, and bounded in every direction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa_migrations.contract import concealed
from medusa_project.fence.output import LAST, LAST_LINE, LINE, Output

SECRET = "correct-horse-battery"
MASK = concealed.of_values({SECRET}).mask


def shown(*chunks: bytes, **options: int) -> tuple[str, Output]:
    output = Output(MASK, **options)
    return "".join(map(output.feed, chunks)) + output.finish(), output


@given(
    st.lists(
        st.sampled_from([b"a", b"\n", b"\r", b"\xff", SECRET.encode(), b"line\n", b"x" * 300]),
        max_size=60,
    ),
    st.data(),
)
def test_how_the_output_is_cut_into_chunks_changes_nothing(parts, data):
    whole = b"".join(parts)
    places = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    chunks = [whole[a:b] for a, b in zip([0, *places], [*places, len(whole)], strict=True)]

    text, output = shown(*chunks)

    assert text == shown(whole)[0]
    assert output.last == shown(whole)[1].last
    assert SECRET not in text
    assert len(output.last) <= LAST


def test_a_line_is_shown_as_it_came_but_for_its_secrets():
    text, output = shown(f"password {SECRET}, \x1b[31mred\x1b[0m\n".encode())

    assert text == "password ***, \x1b[31mred\x1b[0m\n"
    assert output.last == ("password ***, red",)


def test_a_prompt_without_an_end_of_line_is_the_last_line():
    assert shown(b"one\nReally delete? ")[1].last == ("one", "Really delete?")


def test_of_a_progress_line_the_last_state_is_kept():
    assert shown(b"10 %\r50 %\r100 %\r\n")[1].last == ("100 %",)


@pytest.mark.parametrize("before", [LINE - 5, LINE, LINE + 3000])
def test_a_long_line_is_cut_and_no_part_of_a_secret_is_left_at_the_cut(before):
    text, output = shown(b"x" * before + SECRET.encode() + b"y" * 100_000 + b"\nend\n")

    assert "corr" not in text
    assert len(text) < LINE + 50
    assert "[...]" in text
    assert all(len(line) <= LAST_LINE for line in output.last)
    assert output.last[-1] == "end"


def test_of_gigabytes_the_begin_and_the_end_are_shown_and_little_is_kept():
    output = Output(MASK, shown=1000)
    chunk = b"".join(b"%07d\n" % n for n in range(8192))

    text = "".join(output.feed(chunk) for _ in range(2000)) + output.feed(b"the end\n")
    kept = len(output._end) + len(output._line)
    text += output.finish()

    assert text.startswith("0000000\n0000001\n")
    assert "bytes of output are left out here]\n" in text
    assert text.endswith("0008191\nthe end\n")
    assert kept < 200_000
    assert len(text) < 300_000
    assert output.last[-2:] == ("0008191", "the end")


def test_an_end_that_begins_in_the_midst_of_a_secret_does_not_show_the_rest_of_it():
    output = Output(MASK, shown=10)
    output.feed(b"x" * 20 + b"\n")
    for size in range(65_530, 65_550):
        output = Output(MASK, shown=10)
        output.feed(b"x" * 20 + b"\n")
        output.feed(b"z" * 100_000 + SECRET.encode() + b"y" * (size - len(SECRET) // 2))

        assert "battery" not in output.finish()
