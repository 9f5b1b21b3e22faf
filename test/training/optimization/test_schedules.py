import pytest

from rt_seg_training.optimization.schedules import WarmupCosine, WarmupPolynomial


def test_learning_rate_rises_linearly_then_falls_by_the_polynomial_per_step():
    schedule = WarmupPolynomial(peak=0.1, steps=110, warmup_steps=10)
    assert float(schedule(0)) == pytest.approx(0.01)
    assert float(schedule(4)) == pytest.approx(0.05)
    assert float(schedule(10)) == pytest.approx(0.1)
    assert float(schedule(60)) == pytest.approx(0.1 * 0.5**0.9)
    assert float(schedule(61)) < float(schedule(60))
    assert float(schedule(110)) == 0
    assert float(schedule(500)) == 0


def test_cosine_rises_linearly_then_falls_by_half_a_cosine():
    schedule = WarmupCosine(peak=0.1, steps=110, warmup_steps=10)
    assert float(schedule(4)) == pytest.approx(0.05)
    assert float(schedule(10)) == pytest.approx(0.1)
    assert float(schedule(35)) == pytest.approx(0.1 * (1 + 0.5**0.5) / 2)
    assert float(schedule(60)) == pytest.approx(0.05)
    assert float(schedule(110)) == pytest.approx(0, abs=1e-9)
    assert float(schedule(500)) == pytest.approx(0, abs=1e-9)
