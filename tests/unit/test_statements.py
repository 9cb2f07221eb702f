"""SQL text is taken apart where psql would take it apart."""

from __future__ import annotations

import pytest

from medusa_migrations.schema.statements import UnterminatedError, comments, split


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
