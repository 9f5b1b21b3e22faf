"""The optimizers of a training run, with their learning rate schedule and weight decay."""

from __future__ import annotations

from typing import Iterable

import keras

from rt_seg_training.configuration import RANDOM, TrainingConfiguration
from rt_seg_training.nets.registry import ENCODER_PREFIX
from rt_seg_training.optimization.schedules import WarmupCosine, WarmupPolynomial

SGD_MOMENTUM = 0.9


@keras.saving.register_keras_serializable(package="rt_seg")
class RectifiedAdam(keras.optimizers.Optimizer):
    """Adam whose adaptive step waits until its variance is known (Liu et al., arXiv:1908.03265, algorithm 2).

    While the length of the approximated moving average is at most 4, in the first steps, it is SGD with momentum.
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, name="rectified_adam", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def update_step(self, gradient, variable, learning_rate):
        ops = keras.ops
        gradient = ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        momentum, velocity = self._momentums[index], self._velocities[index]
        self.assign(momentum, self.beta_1 * momentum + (1 - self.beta_1) * gradient)
        self.assign(velocity, self.beta_2 * velocity + (1 - self.beta_2) * ops.square(gradient))

        step = ops.cast(self.iterations + 1, variable.dtype)
        power_1, power_2 = ops.power(self.beta_1, step), ops.power(self.beta_2, step)
        longest = 2.0 / (1.0 - self.beta_2) - 1.0
        length = longest - 2.0 * step * power_2 / (1.0 - power_2)
        rectification = ops.sqrt(
            # Below a length of 4 the term is not used, but a root of a negative number would be NaN all the same.
            ops.maximum((length - 4.0) * (length - 2.0) * longest, 0.0)
            / ((longest - 4.0) * (longest - 2.0) * ops.maximum(length, 1.0))
        )
        direction = momentum / (1.0 - power_1)
        adaptive = rectification * direction / (ops.sqrt(velocity / (1.0 - power_2)) + self.epsilon)
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, rate * ops.where(length > 4.0, adaptive, direction))

    def get_config(self):
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


def with_shares(kind: type, shares: list[float]) -> type:
    """The optimizer class `kind` with a learning rate for each variable, in their order, as a share of its own."""

    class WithShares(kind):
        def update_step(self, gradient, variable, learning_rate):
            share = shares[self._get_variable_index(variable)]
            super().update_step(gradient, variable, share * learning_rate)

    WithShares.__name__ = kind.__name__
    return WithShares


def build_optimizer(
    configuration: TrainingConfiguration, trainable_variables: Iterable[keras.Variable]
) -> keras.optimizers.Optimizer:
    """The optimizer with its schedule, clipping, averaging, and decay of all but biases and batch normalisation.

    Weight decay is decoupled for all (Loshchilov and Hutter, arXiv:1711.05101): per step a share of learning rate ·
    weight_decay is taken from the kernels, so Adam with decay is AdamW. The layers of a pre-trained encoder move at
    encoder_learning_rate_share of the learning rate, unless it starts from random weights; their decay is that of all.
    """
    schedule = {"poly": WarmupPolynomial, "cosine": WarmupCosine}[configuration.schedule](
        configuration.learning_rate, configuration.steps, configuration.warmup
    )

    def share_of_rate(variable: keras.Variable) -> float:
        in_encoder = variable.path.startswith(ENCODER_PREFIX) and configuration.start != RANDOM
        return configuration.encoder_learning_rate_share if in_encoder else 1.0

    settings = {
        "weight_decay": configuration.weight_decay or None,
        "global_clipnorm": configuration.gradient_clip_norm or None,
        "use_ema": configuration.ema > 0,
        "ema_momentum": configuration.ema,
    }
    trainable_variables = list(trainable_variables)
    shares = [share_of_rate(variable) for variable in trainable_variables]
    kind = {"sgd": keras.optimizers.SGD, "radam": RectifiedAdam}.get(configuration.optimizer, keras.optimizers.Adam)
    if kind is keras.optimizers.SGD:
        settings["momentum"] = SGD_MOMENTUM
    optimizer = (kind if set(shares) == {1.0} else with_shares(kind, shares))(schedule, **settings)
    exclude_from_decay(optimizer, trainable_variables)
    return optimizer


def exclude_from_decay(optimizer: keras.optimizers.Optimizer, variables: Iterable[keras.Variable]) -> None:
    """Leave biases and batch normalisation out of the optimizer's weight decay; call it before it is built."""
    undecayed = [v for v in variables if v.path.rsplit("/", 1)[-1] in ("bias", "gamma", "beta")]
    optimizer.exclude_from_weight_decay(var_list=undecayed)


def copy_averaged_weights(model: keras.Model, target: keras.Model) -> None:
    """Give `target`, of the same layers, the weights of `model`: the moving averages where its optimizer keeps them."""
    target.set_weights(model.get_weights())
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if optimizer.use_ema and int(optimizer.iterations.numpy()) > 0:
        for variable, average in zip(target.trainable_variables, optimizer._model_variables_moving_average):
            variable.assign(average)
