"""One habit for all tools: help within a second, with an example, under the name that users type; 2 for bad input."""

import re

import cv2
import numpy as np
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


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_nonsense_ends_with_2_and_one_line_of_reason(tool):
    answer = call(tool, "--no-such-option")
    assert answer.code == 2
    assert answer.errors.splitlines()[-1].startswith(f"rosrun rt_seg {tool.name}: error: ")
    assert "Traceback" not in answer.errors


MISSING = "/no/such/place"
BAD_INPUT = {
    "augment": (MISSING, "objects", "--output", "OUT"),
    "average_runs": (MISSING, MISSING, "--output", "OUT"),
    "binary_predict": (MISSING, MISSING),
    "binary_train": (MISSING,),
    "build_dataset": ("custom", MISSING),
    "capture": (f"{MISSING}/clip.mp4", "--output", "OUT"),
    "check_arguments": ("camera:=video", f"video:={MISSING}"),
    "doctor": ("--seconds", "none"),
    "evaluate": (MISSING,),
    "export": (MISSING, "--license", "none"),
    "export_class_table": (MISSING, "--for", "kimera"),
    "export_labels": ("coco", MISSING, "--output", "OUT"),
    "import_labels": ("coco", MISSING, "--output", "OUT"),
    "label_binary": (MISSING, "--auto", "depth"),
    "label_semantic": (MISSING,),
    "learn": (MISSING, "--name", "x"),
    "lint_dataset": ("custom", MISSING),
    "make_blank": (MISSING,),
    "make_recording": ("folder", "--color", MISSING, "OUT/a.bag"),
    "model_repository": (MISSING, "--for", "triton"),
    "predict": (MISSING, MISSING),
    "preview": (MISSING, "--output", "OUT"),
    "record": ("OUT/kitchen", "--seconds", "-1"),
    "semantic_predict": (MISSING, MISSING),
    "semantic_train": (MISSING,),
    "suggest": (MISSING, MISSING),
    "synthesize": ("--count", "0", "--output", "OUT"),
    "train": (MISSING,),
}
"""Arguments that each command can do nothing with; OUT stands for a folder of the test's own."""
WITHOUT_INPUT = {"list_cameras", "check_driver"}


def is_node(tool):
    """Whether a tool takes private parameters of ROS, as its module says."""
    module = re.search(r"^from (rt_seg\S*) import", tool.read_text(), re.MULTILINE)[1]
    folder = ROOT / ("training" if module.startswith("rt_seg_training") else "src")
    path = folder / module.replace(".", "/")
    return "node_arguments(" in (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()


def test_every_command_has_its_bad_input():
    nodes = {tool.name for tool in TOOLS if is_node(tool)}
    assert "segmentation_node" in nodes
    assert set(BAD_INPUT) == {tool.name for tool in TOOLS} - nodes - WITHOUT_INPUT


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_ends_with_2_a_reason_and_no_traceback(name, tmp_path):
    (tool,) = (tool for tool in TOOLS if tool.name == name)
    answer = call(tool, *(argument.replace("OUT", str(tmp_path / "out")) for argument in BAD_INPUT[name]))
    assert answer.code == 2, answer.errors or answer.output
    # Arguments of a launch are refused in the name of the package.
    assert re.search(rf"^(?:.*\b{name}|rt_seg): ", answer.errors, re.MULTILINE) and "Traceback" not in answer.errors
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


@pytest.fixture
def half_bad(tmp_path):
    """A folder of a picture and a file that is none; a labelled folder with a mask of an unknown class."""
    picture = np.zeros((48, 64, 3), np.uint8)
    for folder in ("rgb", "gt"):
        (tmp_path / "labelled" / folder).mkdir(parents=True)
    (tmp_path / "pictures" / "rgb").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "pictures" / "rgb" / "a.png"), picture)
    (tmp_path / "pictures" / "rgb" / "b.png").write_bytes(b"no picture")
    for name, value in (("a", 1), ("b", 1), ("c", 77)):
        cv2.imwrite(str(tmp_path / "labelled" / "rgb" / f"{name}.png"), picture)
        cv2.imwrite(str(tmp_path / "labelled" / "gt" / f"{name}.png"), np.full((48, 64), value, np.uint8))
    (tmp_path / "labelled" / "labels.yaml").write_text(
        "classes:\n- {id: 0, name: background, color: [0, 0, 0]}\n- {id: 1, name: part, color: [255, 0, 0]}\n"
    )
    return tmp_path


FOUND = {
    "check_driver": (("rt_seg_no_such_driver", "ros-no-such-driver"), "is not installed"),
    "lint_dataset": (("custom", "OUT/labelled"), "77"),
    "predict": (
        (str(ROOT / "models" / "tabletop"), "OUT/pictures/rgb", "--output", "OUT/masks"),
        "1 made, .* 1 failed",
    ),
    "suggest": ((str(ROOT / "models" / "tabletop"), "OUT/pictures", "--count", "1", "--output", "OUT/some"), "b.png"),
}
"""Commands that run, and find or leave out something: what they say then."""


@pytest.mark.slow
@pytest.mark.parametrize("name", FOUND)
def test_what_ran_and_found_something_ends_with_1_and_says_what(name, half_bad):
    (tool,) = (tool for tool in TOOLS if tool.name == name)
    arguments, said = FOUND[name]
    answer = call(tool, *(argument.replace("OUT", str(half_bad)) for argument in arguments))
    assert answer.code == 1, answer.errors or answer.output
    assert re.search(said, answer.output + answer.errors) and "Traceback" not in answer.errors


def test_no_page_shows_an_old_spelling():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*")), *sorted((ROOT / "models").glob("*/README.md"))]
    found = [f"{page.name}: {match.group()}" for page in pages if page.suffix in (".md", ".sh")
             for match in OLD_SPELLINGS.finditer(page.read_text())]  # fmt: skip
    assert not found
