"""SQL text is taken apart where psql would take it apart."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa_migrations.schema.statements import UnterminatedError, comments, scan, split


def texts(sql):
    return [statement.text for statement in split(sql)]


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        pytest.param("select 1; select 2", ["select 1", "select 2"], id="two"),
        pytest.param("select ';'", ["select ';'"], id="semicolon-in-a-string"),
        pytest.param("select 'it''s; so'", ["select 'it''s; so'"], id="doubled-quote"),
        pytest.param(r"select E'\';'", [r"select E'\';'"], id="escape-string"),
        pytest.param('select ";"', ['select ";"'], id="semicolon-in-a-name"),
        pytest.param("do $$ begin; end $$", ["do $$ begin; end $$"], id="dollar-quotes"),
        pytest.param("do $a$ $$;$$ $a$; x", ["do $a$ $$;$$ $a$", "x"], id="named-dollar-quotes"),
        pytest.param("-- a;\nselect 1 -- b;", ["select 1 -- b;"], id="line-comment"),
        pytest.param("/* a; /* b; */ */ select 1", ["select 1"], id="nested-comment"),
        pytest.param(" ;; ", [], id="nothing"),
        pytest.param("-- a\rselect 1", ["select 1"], id="comment-that-a-return-ends"),
        pytest.param("do (a; b); c", ["do (a; b)", "c"], id="parentheses"),
        pytest.param(
            "create or replace function f() begin atomic select case when a then b end; end; c",
            ["create or replace function f() begin atomic select case when a then b end; end", "c"],
            id="begin-atomic",
        ),
        pytest.param("begin; end", ["begin", "end"], id="a-transaction"),
        pytest.param(
            "\\i it's; so\nselect 1", ["\\i it's; so", "select 1"], id="a-command-of-psql"
        ),
        pytest.param(
            "select 1 \\gexec\nx", ["select 1", "\\gexec", "x"], id="such-a-command-at-the-end"
        ),
        pytest.param("select a$b$c", ["select a$b$c"], id="dollar-inside-a-name"),
    ],
)
def test_statements_end_at_their_semicolons(sql, wanted):
    assert texts(sql) == wanted


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        pytest.param("select :a, :'b', :\"c\"", (":a", ":'b'", ':"c"'), id="of-psql"),
        pytest.param("select a::b, c := d, x[1:n], x[:n], j('k':v)", (), id="other-colons"),
    ],
)
def test_a_statement_knows_its_variables(sql, wanted):
    [statement] = split(sql)

    assert statement.variables == wanted


def test_comments_are_those_that_are_alone_on_a_line_outside_of_everything():
    sql = "-- a\nselect 1; -- b\n  -- c\nselect '\n-- d\n' /*\n-- e\n*/;\r\n--f\r\ndo $$\n-- g\n$$"

    found = [(comment.text, comment.line) for comment in comments(sql)]

    assert found == [("-- a", 1), ("-- c", 3), ("--f", 9)]


def test_a_statement_knows_its_line():
    assert [statement.line for statement in split("\n\nselect 1;\n-- x\nselect 2")] == [3, 5]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select 'x", "line 1: the text that ' opens is never closed"),
        ("\nselect $x$ ", "line 2: the text that $x$ opens is never closed"),
        ("select /* ", "line 1: the comment is never closed"),
    ],
)
def test_what_is_never_closed_is_refused(sql, message):
    with pytest.raises(UnterminatedError) as caught:
        split(sql)

    assert str(caught.value) == message


def in_pieces(text, length):
    """Return the statements of *text*, read in pieces of *length* characters, and its comments."""
    pieces = iter([text[at : at + length] for at in range(0, len(text), length)])
    noted = []
    return list(scan(lambda: next(pieces, ""), noted.append)), noted


PARTS = (
    "select 1", ";", "\n", " ", "'", "''", "$$", "$a$", "/*", "*/", "-- up\n", "--x", '"', "E'\\''", "(", ")",
    "begin", "case", "end", "create function", "insert into t values (1, 'a')", ",(2,'b;')", ":v", "[", "\\i x\n", "é",
    "insert into t (a, b)\n values (1, null),\n (2, 'it''s');", "\r\n",
)  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=40), st.integers(1, 50))
def test_a_text_that_is_read_in_pieces_has_the_same_statements(parts, length):
    text = "".join(parts)
    whole, noted = outcome(lambda: (list(split(text)), list(comments(text))))

    assert outcome(lambda: in_pieces(text, length)) == (whole, noted)


def outcome(read):
    """Return the statements, but for their tokens, and comments that *read* returns, or as what it ends."""
    try:
        found, noted = read()
        return [(one.text, one.line, one.start, one.variables) for one in found], noted
    except UnterminatedError as exc:
        return str(exc), None


QUOTES, NAME_QUOTES = "''" * 2_000_000, '""' * 2_000_000


def insert_of(rows):
    return "insert into t values " + ",".join("(1, 'a;b', null)" for _ in range(rows))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("insert into t values (1, 'a');\n" * 40_000, id="inserts"),
        pytest.param("update t set a = 'b' where c = 1;\n" * 40_000, id="updates"),
        pytest.param("-- x\n" * 200_000 + "select 1", id="comments"),
        pytest.param(f"select '{'x' * 4_000_000}'", id="a-string"),
        pytest.param(f"select '{QUOTES}'", id="a-string-of-quotes"),
        pytest.param(f"select E'{'x' * 2_000_000}{chr(92) * 2_000_000}'", id="an-escape-string"),
        pytest.param(f"select $x${'$' * 4_000_000}$x$", id="dollars"),
        pytest.param(f'select "{NAME_QUOTES}"', id="a-name"),
        pytest.param("/*" * 500_000 + "*/" * 500_000, id="nested-comments"),
        pytest.param(insert_of(200_000), id="rows"),
        pytest.param("select " + "(" * 300_000, id="parentheses"),
        pytest.param("\n" * 4_000_000, id="lines"),
        pytest.param("select " + "-- x\n" * 400_000, id="comments-inside"),
    ],
)
def test_a_large_text_is_taken_apart_in_a_time_that_grows_with_it(text):
    started = time.process_time()

    in_pieces(text, 1 << 18)

    assert time.process_time() - started < 10


def test_of_many_rows_of_plain_values_the_first_are_among_the_tokens():
    [statement] = split(insert_of(50_000) + " returning (select max(id) from u)")

    assert len(statement.tokens) < 3000
    assert statement.tokens[-4:] == ("id", ")", "from", "u", ")")[-4:]
    assert statement.text.count("a;b") == 50_000
