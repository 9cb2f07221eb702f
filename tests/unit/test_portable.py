"""The tree that `install` copies out of the image: names, programs, and a folder that is whole or has none."""

import os
import shutil
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from medusa_db.portable import elf, image, tree
from medusa_migrations.contract.errors import UsageError

FILES = {"bin/python3": b"p", "bin/medusa-db": b"#!", "lib/a/b.pyc": b"code", "lib/ld-x.so": b"l"}


def program():
    """Return a program of this machine that loads libraries, and its loader."""
    found = Path("/bin/ls").resolve().read_bytes()
    loader = next(Path("/lib64").glob("ld-linux*"), None) or next(Path("/lib").glob("ld-linux*"))
    return found, loader


def libraries(folder):
    """Copy the libraries of `ls` to *folder*."""
    listed = subprocess.run(["ldd", "/bin/ls"], capture_output=True, text=True, check=True).stdout
    for word in listed.split():
        if word.startswith("/"):
            shutil.copy(word, folder)


def test_a_relocated_program_is_started_by_its_own_loader_with_its_own_libraries(tmp_path):
    content, loader = program()
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "wrong").mkdir()
    libraries(tmp_path / "lib")
    for library in (tmp_path / "lib").iterdir():
        (tmp_path / "wrong" / library.name).write_text("no library")
    inside = tmp_path / "lib" / loader.name
    moved = tmp_path / "bin" / "ls"
    moved.write_bytes(elf.relocated(content, str(inside)))
    moved.chmod(0o755)

    shown = subprocess.run(
        [moved, "/proc/self/map_files", "/proc/self/exe"], capture_output=True, text=True,
        env={"LD_LIBRARY_PATH": str(tmp_path / "wrong")}, check=False,
    )  # fmt: skip
    traced = subprocess.run(
        [inside, "--list", moved], capture_output=True, text=True, check=True
    ).stdout

    assert "/proc/self/exe" in shown.stdout
    assert "error while loading" not in shown.stderr
    assert f"libc.so.6 => {tmp_path}/bin/../lib/libc.so.6" in traced


def test_a_relocated_program_cannot_be_started_without_its_loader(tmp_path):
    content, _ = program()
    moved = tmp_path / "ls"
    moved.write_bytes(elf.relocated(content, str(tmp_path / "none")))
    moved.chmod(0o755)

    with pytest.raises(FileNotFoundError):
        subprocess.run([moved], check=False)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"#!/bin/sh\n", "64-bit"),
        (b"\x7fELF\x01\x01" + bytes(90), "64-bit"),
        (b"\x7fELF\x02\x01" + bytes(90), "loads no libraries"),
    ],
    ids=["script", "32 bits", "static"],
)
def test_what_loads_no_libraries_is_not_relocated(content, why):
    with pytest.raises(ValueError, match=why):
        elf.relocated(content, "/x")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("/medusa-db", "/medusa-db"),
        ("/medusa-db/", "/medusa-db"),
        ("//a/./b", "/a/b"),
        ("/" + "a" * 99, "/" + "a" * 99),
    ],
)
def test_a_folder_is_called_by_its_plain_name(name, plain):
    assert tree.require_name(name) == plain


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("medusa-db", "absolutely"),
        (".", "absolutely"),
        ("", "absolutely"),
        ("/a/../b", "absolutely"),
        ("/medusa db", "space"),
        ("/medusa\ndb", "space"),
        ("/médusa", "ASCII"),
        ("/" + "a" * 100, "101 characters"),
    ],
)
def test_a_folder_in_which_nothing_could_be_started_is_refused(name, why):
    with pytest.raises(UsageError, match=why):
        tree.require_name(name)


def content(folder):
    """Return what is in a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != tree.MARK
    }


def test_a_tree_is_written_once(tmp_path):
    folder = tmp_path / "a" / "b"

    first = tree.write(str(folder), FILES)
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    again = tree.write(str(folder), FILES)

    assert first == tree.Written(4, 8, changed=True)
    assert again == tree.Written(4, 8, changed=False)
    assert content(folder) == FILES
    assert times == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_everybody_may_start_a_tree_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        tree.write(str(tmp_path / "there"), FILES)
    finally:
        os.umask(before)

    modes = {str(p.relative_to(tmp_path)): p.stat().st_mode & 0o777 for p in tmp_path.rglob("*")}
    assert modes == {
        "there": 0o755,
        "there/.medusa-db": 0o644,
        "there/bin": 0o755,
        "there/bin/medusa-db": 0o755,
        "there/bin/python3": 0o755,
        "there/lib": 0o755,
        "there/lib/a": 0o755,
        "there/lib/a/b.pyc": 0o644,
        "there/lib/ld-x.so": 0o755,
    }


def test_another_tree_takes_the_place_of_an_older_one(tmp_path):
    tree.write(str(tmp_path), FILES | {"lib/old/c.pyc": b"old", "lib/a/d.pyc": b"d"})

    written = tree.write(str(tmp_path), FILES | {"lib/a/b.pyc": b"new"})

    assert written.changed
    assert content(tmp_path) == FILES | {"lib/a/b.pyc": b"new"}
    assert not (tmp_path / "lib" / "old").exists()


@pytest.mark.parametrize("how", ["cut", "gone", "mode", "link", "folder", "more"])
def test_what_became_of_a_tree_meanwhile_is_put_right(tmp_path, how):
    tree.write(str(tmp_path), FILES)
    file = tmp_path / "lib" / "a" / "b.pyc"
    match how:
        case "cut":
            file.write_bytes(b"cod")
        case "gone":
            file.unlink()
        case "mode":
            file.chmod(0o600)
        case "link":
            file.unlink()
            file.symlink_to("/etc/hostname")
        case "folder":
            file.unlink()
            file.mkdir()
        case "more":
            (file.parent / "os.pyc").write_text("other")

    written = tree.write(str(tmp_path), FILES)

    assert written.changed
    assert content(tmp_path) == FILES
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", ["shop.js", ".git"])
def test_a_folder_with_files_of_others_is_left_alone(tmp_path, name):
    (tmp_path / name).write_text("mine")

    with pytest.raises(UsageError, match=f"holds other files \\({name}\\)"):
        tree.write(str(tmp_path), FILES)

    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_root_of_a_volume_is_empty_with_what_its_file_system_has_there(tmp_path):
    (tmp_path / "lost+found").mkdir()

    assert tree.write(str(tmp_path), FILES).changed
    assert not tree.write(str(tmp_path), FILES).changed
    assert (tmp_path / "lost+found").is_dir()


def test_a_tree_that_was_interrupted_has_no_program(tmp_path):
    class Interrupting(dict):
        def __getitem__(self, name):
            if name == "lib/ld-x.so":
                raise KeyboardInterrupt
            return super().__getitem__(name)

    tree.write(str(tmp_path), FILES | {"lib/a/b.pyc": b"old"})

    with pytest.raises(KeyboardInterrupt):
        tree.write(str(tmp_path), Interrupting(FILES | {"lib/ld-x.so": b"new"}))

    assert not (tmp_path / "bin" / "medusa-db").exists()
    tree.write(str(tmp_path), FILES)
    assert content(tmp_path) == FILES


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")

    for name in ("file", "file/below"):
        with pytest.raises(UsageError, match="is a file, and no folder"):
            tree.write(str(tmp_path / name), FILES)


def test_outside_of_the_image_there_is_nothing_to_copy(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "medusa_db", "install", str(tmp_path / "new")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert done.stderr == (
        "medusa-db: install copies the runner out of its image, and this is another installation; run it in "
        "a container of the image: docker run IMAGE install DIR\n"
    )
    assert not (tmp_path / "new").exists()


def test_time_zones_become_a_package_in_one_file(tmp_path):
    (tmp_path / "America").mkdir()
    (tmp_path / "UTC").write_bytes(b"TZif2")
    (tmp_path / "America" / "Lima").write_bytes(b"TZif2")
    (tmp_path / "zone.tab").write_text("no zone")

    made = image._zipped_zones(tmp_path)

    assert made == image._zipped_zones(tmp_path)
    assert zipfile.ZipFile(BytesIO(made)).namelist() == [
        "tzdata/__init__.py",
        "tzdata/zoneinfo/__init__.py",
        "tzdata/zoneinfo/America/__init__.py",
        "tzdata/zoneinfo/America/Lima",
        "tzdata/zoneinfo/UTC",
    ]
