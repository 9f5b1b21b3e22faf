"""Learning rate schedules, per optimizer step."""
from __future__ import annotations

import keras


@keras.saving.register_keras_serializable(package="rt_seg")
class WarmupPolynomial(keras.optimizers.schedules.LearningRateSchedule):
    """Linear rise to `peak` over `warmup_steps`, then peak · (1 - progress)^0.9 down to 0 at `steps`.

    The power is that of DeepLab (Chen et al., arXiv:1606.00915, section 4.1), which DDRNet's recipe uses too.
    """

    def __init__(self, peak: float, steps: int, warmup_steps: int, power: float = 0.9):
        self.peak, self.steps, self.warmup_steps, self.power = peak, steps, warmup_steps, power

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        rise = (step + 1) / max(self.warmup_steps, 1)
        progress = (step - self.warmup_steps) / max(self.steps - self.warmup_steps, 1)
        fall = keras.ops.power(1 - keras.ops.clip(progress, 0.0, 1.0), self.power)
        return self.peak * keras.ops.where(step < self.warmup_steps, rise, fall)

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps, "warmup_steps": self.warmup_steps, "power": self.power}
