"""Stages run in order, are told, stop at a failure, and are not repeated."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from rt_seg_training.learning.stages import RECORD, Stage, StageError, Stages, clock, environment_of_tools


def program(name: str, code: str, **settings) -> Stage:
    return Stage(name, ("-c", code), **settings)


def run(folder, *stages: Stage) -> list[str]:
    told: list[str] = []
    runner = Stages(folder, told.append)
    for number, stage in enumerate(stages, 1):
        runner.run(stage, number, len(stages))
    return told


def test_what_is_done_is_not_done_again(tmp_path):
    count = "open('count', 'a').write('x')".replace("count", str(tmp_path / "count"), 1)
    first, second = program("one", count), program("two", count)
    assert run(tmp_path, first, second)[0].startswith("[1/2] one: done in")
    assert run(tmp_path, first, second) == ["[1/2] one: already done", "[2/2] two: already done"]
    assert (tmp_path / "count").read_text() == "xx"


def test_another_command_is_run_and_all_after_it_again(tmp_path):
    last = program("last", "pass")
    run(tmp_path, program("one", "pass"), last)
    told = run(tmp_path, program("one", "pass # changed"), last)
    assert all("done in" in line for line in told)


def test_a_stage_whose_input_has_changed_is_run_again_and_all_after_it_though_their_commands_are_the_same(tmp_path):
    last = program("last", "pass")
    run(tmp_path, program("check", "pass", state="before"), last)
    assert all("already done" in line for line in run(tmp_path, program("check", "pass", state="before"), last))
    told = run(tmp_path, program("check", "pass", state="after"), last)
    assert len(told) == 2 and all("done in" in line for line in told)


def test_a_failure_names_the_stage_its_log_and_its_last_words_and_what_was_done_stays_done(tmp_path):
    fails = program("train", "import sys; print('step 1'); sys.exit('no more disk')")
    with pytest.raises(StageError, match=r"train failed \(exit code 1; .*logs/train.log\)\nstep 1\nno more disk"):
        run(tmp_path, program("one", "pass"), fails)
    assert list(json.loads((tmp_path / RECORD).read_text())) == ["one"]
    assert "step 1" in (tmp_path / "logs" / "train.log").read_text()


def test_an_exit_code_that_only_tells_of_findings_is_no_failure(tmp_path):
    assert "done in" in run(tmp_path, program("check", "import sys; sys.exit(1)", tolerated=(1,)))[0]


def test_a_stage_that_was_interrupted_is_run_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, program("train", "import sys; sys.exit(130)"))
    assert not (tmp_path / RECORD).exists()


RUNNER = """
import signal, sys
from pathlib import Path
from rt_seg_training.learning.stages import Stage, Stages
signal.signal(signal.SIGINT, signal.default_int_handler)
code = f"import signal, sys, time; signal.signal(2, lambda *_: sys.exit({sys.argv[2]})); print(1, flush=True); "
code += f"open({str(Path(sys.argv[1]) / 'began')!r}, 'w').close(); time.sleep(60)"
stage = Stage("check", ("-c", code), tolerated=(1,), interactive=sys.argv[3] == "window")
try:
    Stages(Path(sys.argv[1])).run(stage, 1, 1)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("kind", ["program", "window"])
def test_ctrl_c_is_no_failure_and_no_finding_though_a_program_that_was_starting_ends_with_1(tmp_path, kind):
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(tmp_path), "1", kind], env=environment_of_tools(), start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "began").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=30) == 130
    assert not (tmp_path / RECORD).exists()


def test_seconds_are_told_as_minutes():
    assert [clock(0.4), clock(65.0), clock(3600.0)] == ["0:00", "1:05", "60:00"]


def test_a_record_that_is_damaged_is_named_and_every_stage_runs_again(tmp_path):
    (tmp_path / RECORD).write_text("{not json")
    told = run(tmp_path, program("one", "pass"))
    assert "stages.json: cannot be read" in told[0] and "done in" in told[1]


def test_what_pythonpath_has_stays_first_for_it_holds_the_generated_messages(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/workspace/devel", "/other"]))
    monkeypatch.setattr(sys, "path", ["", "/workspace/src", "/workspace/devel", "/usr/lib"])
    assert environment_of_tools()["PYTHONPATH"].split(os.pathsep) == [
        "/workspace/devel", "/other", "/workspace/src", "/usr/lib",
    ]  # fmt: skip
