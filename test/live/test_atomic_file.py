"""A file is there whole or not at all."""

import pytest

from rt_seg.atomic_file import atomic_file, write_atomically


def test_a_file_is_written_whole_with_its_folder_and_leaves_nothing_beside_it(tmp_path):
    write_atomically(tmp_path / "a" / "b.txt", b"one")
    write_atomically(tmp_path / "a" / "b.txt", b"two")
    assert [(file.name, file.read_bytes()) for file in (tmp_path / "a").iterdir()] == [("b.txt", b"two")]


def test_what_fails_keeps_the_old_file_and_leaves_no_part_of_the_new(tmp_path):
    write_atomically(tmp_path / "b.txt", b"one")
    with pytest.raises(ZeroDivisionError), atomic_file(tmp_path / "b.txt") as unfinished:
        unfinished.write_bytes(b"half")
        raise ZeroDivisionError
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("b.txt", b"one")]


def test_the_file_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("os.fsync", lambda number: calls.append("fsync"))
    replace = __import__("os").replace
    monkeypatch.setattr("os.replace", lambda source, target: (calls.append("replace"), replace(source, target)))
    write_atomically(tmp_path / "b.txt", b"one")
    assert calls == ["fsync", "replace"]


def test_until_then_its_ending_is_that_of_a_part_or_the_one_that_a_writer_needs(tmp_path):
    for ending in ("", ".weights.h5"):
        with atomic_file(tmp_path / "model.weights.h5", ending) as unfinished:
            assert unfinished.name.startswith(".model") and unfinished.name.endswith(f".part{ending}")
            unfinished.write_bytes(b"")
