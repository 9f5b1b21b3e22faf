"""What the tools have in common on the command line."""

from dataclasses import dataclass

import pytest

from rt_seg.command_line import command_parser, node_arguments, old_spelling
from rt_seg.setting_field import setting


@dataclass(frozen=True)
class Settings:
    bundle: str
    rate: float = setting(1.0, "images per second", 0.1, 10.0)
    mode: str = setting("live", accepted=("live", "every_frame"))


def test_help_ends_with_the_example_under_the_name_that_users_type():
    text = command_parser("thing", "Do it.", "rosrun rt_seg thing a\nrosrun rt_seg thing b").format_help()
    assert text.startswith("usage: rosrun rt_seg thing ")
    assert text.endswith("example:\n  rosrun rt_seg thing a\n  rosrun rt_seg thing b\n")


@pytest.mark.parametrize("arguments", [["--pictures", "3"], ["--pictures=3"]])
def test_an_old_name_is_taken_with_a_notice_and_not_shown(arguments, capsys):
    parser = command_parser("thing", "", "rosrun rt_seg thing")
    parser.add_argument("--count", type=int, default=7)
    old_spelling(parser, "--pictures", "--count")
    assert parser.parse_args(arguments).count == 3
    assert capsys.readouterr().err.startswith("note: --pictures is now called --count; ")
    assert parser.parse_args([]).count == 7
    assert "--pictures" not in parser.format_help()


def test_an_old_flag_without_a_value_is_taken_too(capsys):
    parser = command_parser("thing", "", "rosrun rt_seg thing")
    parser.add_argument("--with-depth", action="store_true")
    old_spelling(parser, "--depth", "--with-depth")
    assert parser.parse_args(["--depth"]).with_depth and not parser.parse_args([]).with_depth


def test_a_nodes_help_names_its_parameters(capsys):
    with pytest.raises(SystemExit) as ended:
        node_arguments("thing", "Does it.", [Settings], "rosrun rt_seg thing _bundle:=x", ["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "_bundle  (required)" in text
    assert "_rate  images per second  (default: 1.0; 0.1 to 10)" in text
    assert "_mode  (default: 'live'; live, every_frame)" in text


def test_a_node_takes_parameters_and_remappings_and_nothing_else(capsys):
    node_arguments("thing", "", [Settings], "", ["_rate:=2", "color:=/camera/color", "__name:=other", "__log:=/x"])
    with pytest.raises(SystemExit) as ended:
        node_arguments("thing", "", [Settings], "", ["nonsense"])
    assert ended.value.code == 2
    assert "unrecognized arguments: nonsense" in capsys.readouterr().err


def test_the_lines_of_a_paragraph_are_joined_and_indented_ones_stay(monkeypatch):
    monkeypatch.setenv("COLUMNS", "62")
    paragraph = "This paragraph has a line that is longer than the terminal is\nwide, and goes on."
    parser = command_parser("x", f"{paragraph}\n\n  a list,\n  kept", "rosrun rt_seg x")
    assert parser.format_help().split("\n\n")[1:3] == [
        "This paragraph has a line that is longer than the terminal\nis wide, and goes on.", "  a list,\n  kept",
    ]  # fmt: skip
