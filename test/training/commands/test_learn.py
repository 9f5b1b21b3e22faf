"""`learn` refuses what it cannot begin with, in one line."""
import pytest

from rt_seg_training.commands.learn import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "--name", "cup"], "nowhere: no such file or folder; accepted are a labelled folder"),
        (["x", "--name", "../cup"], "--name '../cup': accepted are"),
        (["x", "--name", "cup", "--minutes", "0"], "--minutes 0: accepted are 0.1 to 1440"),
    ],
)
def test_what_it_cannot_begin_with_is_named_with_what_is_accepted(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(arguments)
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2 and words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_with_broken_labels_stops_at_the_check_and_keeps_what_was_done(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("rgb", "gt"):
        (tmp_path / "set" / name).mkdir(parents=True)
    (tmp_path / "set" / "gt" / "1.png").write_bytes(b"no image")
    (tmp_path / "set" / "labels.yaml").write_text("classes: nothing")
    assert main(["set", "--name", "cup"]) == 1
    printed = capsys.readouterr()
    assert "check failed (exit code 2" in printed.err and "labels.yaml" in printed.err
    assert (tmp_path / "learn_cup" / "logs" / "check.log").is_file()
