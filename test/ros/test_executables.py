"""One habit for all tools: help within a second, with an example, under the name that users type; 2 for bad input."""
import re

import pytest
from executables import ROOT, call, executables

LONGEST_HELP = 1.0
"""Seconds of processor time."""

TOOLS = executables()
OLD_SPELLINGS = re.compile(r"rosrun rt_seg evaluate --bundle|--guard-frames|--least-area|\bleast_area\b"
                           r"|rosrun rt_seg (?:predict|make_recording)[^`\n]* --frames")  # fmt: skip


def test_every_tool_is_walked_over():
    installed = re.findall(r"^  (?:scripts|training)/(\w+)$", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)
    assert sorted(installed) == sorted(tool.name for tool in TOOLS)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_help_is_quick_and_has_an_example_and_the_name_that_users_type(tool):
    answer = call(tool, "--help")
    assert answer.code == 0, answer.errors
    assert not answer.errors
    assert answer.output.startswith(f"usage: rosrun rt_seg {tool.name} ")
    example = answer.output.split("\nexample:\n")[1]
    assert re.match(rf"  rosrun rt_seg {tool.name}\b", example)
    assert max(map(len, example.splitlines())) <= 120
    if answer.seconds > LONGEST_HELP:  # files that were never read come slowly
        answer = call(tool, "--help")
    assert answer.seconds <= LONGEST_HELP


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_nonsense_ends_with_2_and_one_line_of_reason(tool):
    answer = call(tool, "--no-such-option")
    assert answer.code == 2
    assert answer.errors.splitlines()[-1].startswith(f"rosrun rt_seg {tool.name}: error: ")
    assert "Traceback" not in answer.errors


def test_no_page_shows_an_old_spelling():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*")), *sorted((ROOT / "models").glob("*/README.md"))]
    found = [f"{page.name}: {match.group()}" for page in pages if page.suffix in (".md", ".sh")
             for match in OLD_SPELLINGS.finditer(page.read_text())]  # fmt: skip
    assert not found
