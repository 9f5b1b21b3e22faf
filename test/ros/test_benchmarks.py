"""The benchmarks of the running node print what they promise."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.slow
def test_soak_prints_a_row_for_each_interval_and_what_became_of_rate_age_and_memory():
    command = [sys.executable, str(BENCHMARKS / "soak.py"), "--minutes", "0.1", "--interval", "3", "--rate", "5"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    rows = re.findall(r"^ +0\.\d +([\d.]+) +([\d.]+)% .* (\d+) MB +\d+%$", result.stdout, re.MULTILINE)
    assert len(rows) == 2, result.stdout
    # Even a busy machine segments a few of five images per second.
    assert all(float(rate) > 1.0 and 20.0 < float(share) <= 120.0 and int(size) > 50 for rate, share, size in rows)
    assert re.search(r"masks, [\d.]+ per second at 5 Hz; .* memory \d+ -> \d+ MB", result.stdout)


@pytest.mark.slow
def test_soak_names_a_bundle_that_is_not_there(tmp_path):
    command = [sys.executable, str(BENCHMARKS / "soak.py"), str(tmp_path / "none"), "--minutes", "0.1"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 1
    assert "no such model bundle" in result.stderr


@pytest.mark.slow
def test_node_latency_prints_a_row_for_each_set_of_topics_and_one_for_more_images_than_the_node_can_hold():
    command = [sys.executable, str(BENCHMARKS / "node_latency.py"), "--seconds", "3", "--rate", "5"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stdout + result.stderr
    rows = re.findall(
        r"^(mask\S*.*?)  +(\d+) Hz +([\d.]+) +([\d.]+) ms +([\d.]+) ms +([\d.]+) ms +(\d+) of (\d+) +\d+% +(\d+) MB$",
        result.stdout, re.MULTILINE,
    )  # fmt: skip
    assert [row[0] for row in rows] == [
        "mask", "mask, overlay", "mask, overlay, points", "mask, overlay, points, objects", "mask, overlay",
    ], result.stdout  # fmt: skip
    assert all(0.0 < float(row[2]) <= float(row[1]) + 1.0 and float(row[3]) <= float(row[4]) for row in rows)
    assert int(rows[-1][6]) > 0, "a camera that the node cannot follow loses images"
    assert re.search(r"start of the node to its first mask: [\d.]+ s", result.stdout)


@pytest.mark.slow
def test_products_prints_a_row_for_each_product_with_its_share_of_the_networks_time():
    command = [sys.executable, str(BENCHMARKS / "products.py"), "--repeats", "2"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    rows = re.findall(r"^(\S.+?) +([\d.]+) ms +([\d.]+) ms +([\d.]+)%$", result.stdout, re.MULTILINE)
    assert len(rows) == 18 and float(rows[0][3]) == 100.0
    assert all(float(median) > 0.0 for _, median, _, _ in rows[1:])
    # On a machine with matrix units the network may take less than its dearest product, but never less than all others.
    assert sum(float(share) < 100.0 for *_, share in rows[1:]) >= 6


@pytest.mark.slow
def test_web_view_prints_the_shares_of_a_core_for_each_number_of_viewers():
    command = [sys.executable, str(BENCHMARKS / "web_view.py"), "--seconds", "2", "--rate", "5"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stdout + result.stderr
    rows = re.findall(r"^(\S.+?)  +(-|[\d.]+) +(?:-|[\d.]+) +(-|[\d.]+%) +\d+% +([\d.]+)$", result.stdout, re.MULTILINE)
    assert [row[0] for row in rows[:2]] == ["no live view", "no viewer"] and len(rows) == 6, result.stdout
    assert all(float(rate) > 0.0 for *_, rate in rows)
    assert all(0.0 < float(pictures) < 10.0 for _, pictures, _, _ in rows[2:]), result.stdout
