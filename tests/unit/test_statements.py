"""SQL text is taken apart where psql would take it apart."""

from __future__ import annotations

import pytest

from medusa_migrations.statements import UnterminatedError, split


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
        pytest.param("select a$b$c", ["select a$b$c"], id="dollar-inside-a-name"),
    ],
)
def test_statements_end_at_their_semicolons(sql, wanted):
    assert texts(sql) == wanted


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
