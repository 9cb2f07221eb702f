"""Documents are read piece by piece, from JSON, YAML, folders and pipes; what cannot be read says why."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa_migrations.contract.errors import FailedError, UsageError
from medusa_seed.document import files, json_stream
from medusa_seed.document.files import Piece
from seed_documents import written

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


def pieces(path):
    with files.opened(str(path)) as source:
        return list(source.pieces())


def refusal(path):
    with pytest.raises(UsageError) as caught:
        pieces(path)
    return str(caught.value).replace(str(path), "FILE")


def put_together(found):
    """What the pieces of one document say, as one value."""
    body = {}
    for key, index, value in found:
        if index is None:
            body[key] = value
        elif index < 0:
            body[key] = []
        else:
            assert index == len(body.setdefault(key, []))
            body[key].append(value)
    return body


@given(st.dictionaries(st.text(max_size=6), values, max_size=5), st.integers(1, 40), st.booleans())
def test_the_pieces_make_up_the_document_however_it_is_cut(body, size, indented):
    text = json.dumps(body, indent=1 if indented else None, ensure_ascii=False)
    stream = io.BytesIO(text.encode("utf-8", "surrogatepass"))
    if "\ud800" <= max(text, default="") <= "\udfff":
        return

    found = json_stream.pieces(lambda _: stream.read(size), "seed.json")

    assert put_together(found) == body


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "FILE is not JSON, at its end: an object belongs there: {...}"),
        ("[]", "FILE is not JSON, line 1, column 1: an object belongs there: {...}"),
        ('{"a": 1,\n}', "FILE is not JSON, line 2, column 1: a key in quotes belongs there"),
        ('{"a": 1', "FILE is not JSON, at its end: , or } belongs there"),
        ('{"products": [{"a": }]}', "FILE is not JSON, line 1, column 21: Expecting value"),
        ('{"a": 1}\n{}', "FILE is not JSON, line 2, column 1: the document ended before this"),
        ('{"a": NaN}', "FILE is not JSON, line 1, column 7: NaN is no number that JSON knows"),
        ('{"a": 1, "a": 2}', 'FILE is not JSON, line 1, column 10: the key "a" is given twice'),
        (
            '{"a": [1' + "0" * 5000 + "]}",
            "FILE is not JSON, line 1, column 8: it holds a number of more than 4300 digits",
        ),
        (
            '{"a": [{"b": 1, "b": 2}]}',
            'FILE is not JSON, line 1, column 8: the key "b" is given twice in one object',
        ),
        (
            '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
            "FILE is not JSON, line 1, column 206: nested deeper than 200 levels",
        ),
    ],
)
def test_what_is_not_json_is_refused_with_its_line(text, message, tmp_path):
    assert refusal(written(text, tmp_path)) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\nb: 2", "FILE is not YAML, line 2, column 2: did not find expected ',' or ']'"),
        ("a: 1\na: 2\n", 'FILE is not YAML, line 2, column 1: the key "a" is given twice'),
        ("- a\n", "FILE is not a seed document: an object with keys such as products belongs there"),
        (
            "a: !!python/object/apply:os.system [ls]",
            ("FILE is not YAML, line 1, column 4: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/object/apply:os.system'"),
        ),
        (
            "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n"
            + "".join(f"{k}: &{k} [{', '.join([f'*{chr(ord(k) - 1)}'] * 10)}]\n" for k in "bcdefgh"),
            "FILE: its aliases write out to more than 1000000 values",
        ),
        (
            "a: {1: b, c: d}\n",
            "FILE is not YAML, line 1, column 5: `1` is no text for YAML, and a key is one; write it in quotes",
        ),
        (
            "a:\n- no: b\n",
            "FILE is not YAML, line 2, column 3: `no` is no text for YAML, and a key is one; write it in quotes",
        ),
        (
            "? [a, b]\n: c\n",
            ("FILE is not YAML, line 1, column 3: a list or an object is no text for YAML, and a key is one; "
            "write it in quotes"),
        ),
        (f"a: 1{'0' * 5000}\n", "FILE is not YAML, line 1, column 4: a number of more than 4300 digits"),
        ("a: &a [*a]\n", "FILE: its aliases write out to more than 1000000 values"),
    ],
)  # fmt: skip
def test_what_is_no_sane_yaml_is_refused(text, message, tmp_path):
    assert refusal(written(text, tmp_path, "seed.yaml")) == message


def test_yaml_says_the_same_as_json(tmp_path):
    yaml = written(
        "regions:\n- &r {name: EU}\n- {<<: *r, tax_rate: 5}\nstore: {name: x}\n", tmp_path, "a.yml"
    )
    body = {"regions": [{"name": "EU"}, {"name": "EU", "tax_rate": 5}], "store": {"name": "x"}}

    found = pieces(yaml)

    assert found == pieces(written(body, tmp_path, "a.json"))


def test_a_folder_is_its_files_in_the_order_of_their_names(tmp_path):
    written({"products": [1]}, tmp_path, "20.json")
    written({"products": [2], "store": {}}, tmp_path, "10.json")
    written("users: []\n", tmp_path, "30.yaml")
    written("not read", tmp_path, "README.md")
    (tmp_path / "..data").mkdir()
    written({"products": [3]}, tmp_path, ".hidden.json")

    found = pieces(tmp_path)

    assert found == [
        Piece("10.json", "products", 0, 2),
        Piece("10.json", "store", None, {}),
        Piece("20.json", "products", 0, 1),
        Piece("30.yaml", "users", -1, None),
    ]


@pytest.mark.parametrize("kind", ["folder", "link to nothing", "pipe"])
def test_nothing_in_a_folder_that_is_called_like_a_part_is_passed_over(kind, tmp_path):
    written({"products": []}, tmp_path, "10.json")
    part = tmp_path / "20.json"
    match kind:
        case "folder":
            part.mkdir()
        case "pipe":
            os.mkfifo(part)
        case _:
            part.symlink_to("gone")

    what = "a folder" if kind == "folder" else "no file"
    assert refusal(tmp_path).replace(str(tmp_path), "FILE") == (
        f"FILE/20.json is {what}, and would be a part of the document by its name; take it out of the "
        "folder, or name it otherwise"
    )


def test_a_file_that_fails_while_it_is_read_is_called_that():
    assert refusal(Path("/proc/self/mem")).startswith("the seed document FILE cannot be read: ")


def test_what_cannot_be_opened_says_what_to_do(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "utf16.json").write_bytes("{}".encode("utf-16"))
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xe9"}')

    assert [refusal(tmp_path / name) for name in ("none.json", "empty", "utf16.json", "latin.json")] == [
        "there is no seed document FILE; name a file, a folder or - with -f",
        "the folder FILE holds no .json, .yaml or .yml file to seed from",
        "FILE is UTF-16; save it as UTF-8",
        "FILE is not UTF-8 (byte 0xe9); save it as UTF-8",
    ]  # fmt: skip


def test_a_mark_that_says_utf_8_is_skipped(tmp_path):
    (tmp_path / "seed.json").write_bytes(b'\xef\xbb\xbf{"store": {}}')

    assert pieces(tmp_path / "seed.json") == [Piece("", "store", None, {})]


def test_a_file_of_two_gigabytes_is_refused_unread(tmp_path):
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(2 << 30)

    assert refusal(tmp_path / "large.json") == (
        "FILE is larger than 512 MB, which is as much as a document may have; cut its products into "
        "several documents and seed one after the other"
    )


def test_yaml_of_many_megabytes_is_refused(tmp_path):
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(9 << 20)

    assert refusal(tmp_path / "large.yaml") == (
        "FILE is larger than 8 MB, which is as much as YAML may have; write it as JSON, which is read "
        "piece by piece"
    )


@pytest.mark.parametrize("text", ['{"store": {}}', "store: {}\n"])
def test_stdin_is_json_or_yaml_as_it_starts(text, tmp_path, monkeypatch):
    with written(text, tmp_path).open() as file:
        monkeypatch.setattr(sys, "stdin", file)

        assert pieces("-") == [Piece("", "store", None, {})]


def test_a_stdin_that_is_closed_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)

    assert refusal("-") == "stdin is closed, so no document can come from it"


@pytest.mark.parametrize("written_to", [False, True])
def test_a_named_pipe_is_waited_for_with_a_word_and_within_the_time_of_the_run(
    tmp_path, monkeypatch, written_to
):
    monkeypatch.setattr(files, "_PATIENCE", 0.05)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = os.open(pipe, os.O_RDWR) if written_to else None
    message = []

    with (
        pytest.raises(UsageError, match=r"did not end within 0.3 s \(--run-timeout\)"),
        files.opened(str(pipe), files.Patience(message.append, 0.3)),
    ):
        pass

    assert message == [f"waiting for the document from {pipe}"]
    if writer is not None:
        os.close(writer)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"\x1f\x8b\x08", "a gzip file; unpack it first: gunzip -c FILE |", id="gzip"),
        pytest.param(b"PK\x03\x04", "a zip file, or a spreadsheet (xlsx, ods)", id="xlsx"),
        pytest.param(b"%PDF-1.7", "a PDF", id="pdf"),
        pytest.param(b"<!doctype html>", "HTML or XML", id="html"),
        pytest.param(b"\xff\xfe{\x00", "UTF-16; save it as UTF-8", id="utf-16"),
        pytest.param(b"PGDMP\x01", "a dump of PostgreSQL", id="dump"),
        pytest.param(b"x" * 257 + b"ustar", "a tar archive", id="tar"),
    ],
)
@pytest.mark.parametrize("name", ["seed.json", "seed.yaml", "seed"])
def test_what_is_something_else_is_called_that(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)

    assert refusal(tmp_path / name).startswith(f"FILE is {says}")


def test_an_address_is_not_read():
    assert "http addresses are not read" in refusal("http://shop.example/seed.json")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("seed.yaml", "products: " + "[" * 50_000, id="yaml-flow"),
        pytest.param("seed.yaml", "products: " + "{a: " * 300 + "1" + "}" * 300, id="yaml-objects"),
        pytest.param("seed.yaml", "products:\n" + "- " * 50_000, id="yaml-block"),
        pytest.param(
            "seed.yaml", "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 500)),
            id="yaml-aliases",
        ),
        pytest.param("seed.json", '{"products": ' + "[" * 50_000, id="json"),
        pytest.param("seed.json", '{"products": [' + "[" * 300 + "]" * 300 + "]}", id="json-complete"),
        pytest.param("seed.json", '{"store": ' + '{"a": ' * 300 + "1" + "}" * 300 + "}", id="json-objects"),
        pytest.param(
            "seed.json", '{"categories": [' + '{"name": "a", "category_children": [' * 300 + "]}" * 300 + "]}",
            id="categories",
        ),
    ],
)  # fmt: skip
def test_what_is_nested_too_deeply_is_refused_with_its_place(tmp_path, name, text):
    (tmp_path / name).write_text(text)

    message = refusal(tmp_path / name)

    assert "nested deeper than 200 levels" in message
    assert "line" in message or "a1" in message


def test_brackets_in_texts_are_no_depth(tmp_path):
    text = json.dumps({"products": [{"title": '["' * 500}]})

    assert pieces(written(text, tmp_path)) == [Piece("", "products", 0, {"title": '["' * 500})]


@pytest.mark.parametrize(
    "number", ["010", "1:30", "1_000", "0b11", "+0o7", "1:30:00", "-017", "08", "190:20:30.15"]
)
def test_a_number_that_versions_of_yaml_read_differently_is_refused_with_its_line(tmp_path, number):
    path = tmp_path / "seed.yaml"
    path.write_text(f"store:\n  metadata:\n    a: {number}\n")
    if number in ("+0o7", "08"):
        assert pieces(path)[0].value == {"metadata": {"a": number}}
        return

    message = refusal(path)

    assert message.startswith(
        f"FILE is not YAML, line 3, column 8: `{number}` is one number in YAML 1.1"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [("1950", 1950), ("-1", -1), ("19.5", 19.5), ("1e3", "1e3"), ("1.0e+3", 1000.0), ("0", 0), ("0x1F", 31), ("'010'", "010")],
)  # fmt: skip
def test_a_plain_number_of_yaml_is_read(tmp_path, text, value):
    path = tmp_path / "seed.yaml"
    path.write_text(f"store: {{metadata: {{a: {text}}}}}\n")

    assert pieces(path)[0].value == {"metadata": {"a": value}}


def test_a_pipe_is_read_more_than_once():
    reader, writer = os.pipe()
    os.write(writer, b'{"store": {}}')
    os.close(writer)

    with files.opened(f"/dev/fd/{reader}") as source:
        found = [list(source.pieces()), list(source.pieces())]
    os.close(reader)

    assert found == [[Piece("", "store", None, {})]] * 2


def test_a_document_that_changes_while_it_is_read_is_refused(tmp_path):
    path = written({"store": {}}, tmp_path)

    with files.opened(str(path)) as source:
        list(source.pieces())
        path.write_text('{"store": null}')
        with pytest.raises(FailedError, match="was changed while it was read"):
            list(source.pieces())


def test_the_checksum_is_that_of_the_files(tmp_path):
    path = written("{}", tmp_path)

    with files.opened(str(path)) as source:
        list(source.pieces())

    assert source.checksum == (
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    )
