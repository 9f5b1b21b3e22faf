"""Learning rate schedules, per optimizer step."""

from __future__ import annotations

import math

import keras


class _WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear rise to `peak` over `warmup_steps`, then `peak` times a falling curve that is 0 at `steps`."""

    def __init__(self, peak: float, steps: int, warmup_steps: int):
        self.peak, self.steps, self.warmup_steps = peak, steps, warmup_steps

    def fall(self, progress):
        """Share of the peak at a progress of 0..1."""
        raise NotImplementedError

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        rise = (step + 1) / max(self.warmup_steps, 1)
        progress = (step - self.warmup_steps) / max(self.steps - self.warmup_steps, 1)
        fall = self.fall(keras.ops.clip(progress, 0.0, 1.0))
        return self.peak * keras.ops.where(step < self.warmup_steps, rise, fall)

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps, "warmup_steps": self.warmup_steps}


@keras.saving.register_keras_serializable(package="rt_seg")
class WarmupPolynomial(_WarmupSchedule):
    """Linear rise to `peak` over `warmup_steps`, then peak · (1 - progress)^0.9 down to 0 at `steps`.

    The power is that of DeepLab (Chen et al., arXiv:1606.00915, section 4.1), which DDRNet's recipe uses too.
    """

    def __init__(self, peak: float, steps: int, warmup_steps: int, power: float = 0.9):
        super().__init__(peak, steps, warmup_steps)
        self.power = power

    def fall(self, progress):
        return keras.ops.power(1 - progress, self.power)

    def get_config(self):
        return {**super().get_config(), "power": self.power}


@keras.saving.register_keras_serializable(package="rt_seg")
class WarmupCosine(_WarmupSchedule):
    """Linear rise to `peak` over `warmup_steps`, then peak · (1 + cos(π progress)) / 2 down to 0 at `steps`.

    Loshchilov and Hutter, arXiv:1608.03983, equation 5, without restarts.
    """

    def fall(self, progress):
        return (1 + keras.ops.cos(math.pi * progress)) / 2
