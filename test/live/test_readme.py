"""README_kr.md is README.md in Korean: the same headings, commands, tables and links, in the same order."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = "make|rosrun|roslaunch|rostopic|tensorboard|export|evaluate"


def parts(name):
    """What must be equal in both: kind → list."""
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    rows = [line for line in outside.splitlines() if line.startswith("|")]
    figure = re.compile(r"(?<![\w.])0\.\d{3}(?!\d)")
    return {
        "headings": [len(marks) for marks in re.findall(r"^(#+) ", outside, re.MULTILINE)],
        "commands": [line.split("#")[0].rstrip() for block in blocks for line in block.splitlines()],
        # A call may be broken at the end of a line, elsewhere in each language.
        "calls": sorted({" ".join(call.split()) for call in re.findall(rf"`((?:{PROGRAMS}) [^`]*)`", outside)}),
        "tables": [(row.count("|"), re.sub(r" \(.*", "", row.split("|")[1]).strip() if "`" in row.split("|")[1]
                    or "[" in row.split("|")[1] else "") for row in rows],
        "scores": [figure.findall(row) for row in rows],
        "links": sorted(set(re.findall(r"\]\(([^)]*)\)", text)) - {"README.md"}),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["headings", "commands", "calls", "tables", "scores", "links"])
def test_the_korean_readme_has_what_the_english_one_has(kind):
    assert parts("README_kr.md")[kind] == parts("README.md")[kind]


def test_the_korean_readme_is_korean():
    text = (ROOT / "README_kr.md").read_text(encoding="utf-8")
    assert len(re.findall(r"[가-힣]", text)) > 1500
