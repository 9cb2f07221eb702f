"""Documents are read piece by piece, from JSON, YAML, folders and pipes; what cannot be read says why."""

from __future__ import annotations

import io
import json
import os
import sys

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
    ("text", "said"),
    [
        ("", "FILE is not JSON, at its end: an object belongs there: {...}"),
        ("[]", "FILE is not JSON, line 1, column 1: an object belongs there: {...}"),
        ('{"a": 1,\n}', "FILE is not JSON, line 2, column 1: a key in quotes belongs there"),
        ('{"a": 1', "FILE is not JSON, at its end: , or } belongs there"),
        ('{"products": [{"a": }]}', "FILE is not JSON, line 1, column 21: Expecting value"),
        ('{"a": 1}\n{}', "FILE is not JSON, line 2, column 1: the document ended before this"),
        ('{"a": NaN}', "FILE is not JSON, line 1, column 7: NaN is no number that JSON knows"),
        ('{"a": 1, "a": 2}', 'FILE is not JSON, line 1, column 10: the key "a" is there twice'),
        (
            '{"a": [{"b": 1, "b": 2}]}',
            'FILE is not JSON, line 1, column 8: the key "b" is there twice in one object',
        ),
        (
            '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
            "FILE is not JSON, line 1, column 8: it is nested too deeply",
        ),
    ],
)
def test_what_is_not_json_is_refused_with_its_line(text, said, tmp_path):
    assert refusal(written(text, tmp_path)) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\nb: 2", "FILE is not YAML, line 2, column 2: did not find expected ',' or ']'"),
        ("a: 1\na: 2\n", 'FILE is not YAML, line 2, column 1: the key "a" is there twice'),
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
        ("a: &a [*a]\n", "FILE: its aliases write out to more than 1000000 values"),
    ],
)  # fmt: skip
def test_what_is_no_sane_yaml_is_refused(text, said, tmp_path):
    assert refusal(written(text, tmp_path, "seed.yaml")) == said


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
def test_stdin_is_json_or_yaml_as_it_starts(text, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    assert pieces("-") == [Piece("", "store", None, {})]


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
