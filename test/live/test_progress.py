"""Progress in a log: a line now and then, and one at the end."""

import io
import time

import pytest

from rt_seg import progress


def test_a_log_gets_a_line_every_few_seconds_and_one_at_the_end(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PERIOD", 0.05)
    assert sum(time.sleep(0.02) or 1 for _ in progress.progress(range(10), unit="frame", desc="synthesize")) == 10
    text = capsys.readouterr().err
    lines = text.splitlines()
    assert 3 <= len(lines) <= 8 and "\r" not in text
    assert all(line.startswith("synthesize: ") for line in lines)
    assert lines[-1].startswith("synthesize: 10 of 10 frames, ")


def test_what_was_done_before_counts_and_what_is_quick_is_one_line(capsys):
    with progress.progress_bar(total=5, initial=3, unit="step", disable=None) as bar:
        bar.update()
        bar.update()
    text = capsys.readouterr().err
    assert text.startswith("5 of 5 steps, ") and text.count("\n") == 1


@pytest.mark.parametrize("elapsed, told", [(2 * 45.72, "45.7 s/step"), (2 / 1.05, "1.05 steps/s")])
def test_the_speed_is_told_in_steps_or_of_one_step(elapsed, told):
    bar = progress.ProgressLines(total=2, unit="step", file=io.StringIO())
    bar.n, bar.start_t = 2, bar._time() - elapsed
    assert f"2 of 2 steps, {told}, " in str(bar)
    bar.close()


def test_without_a_number_the_count_alone_is_told(capsys):
    assert list(progress.progress(iter("ab"), unit="pair")) == ["a", "b"]
    assert capsys.readouterr().err.startswith("2 pairs, ")


def test_what_leaves_no_trace_is_silent_when_it_is_quick(capsys):
    assert list(progress.progress("ab", unit="pair", leave=False)) == ["a", "b"]
    assert not capsys.readouterr().err
