"""Training on one device, on all devices of a machine, or on several machines."""

from __future__ import annotations

import json
import os

import tensorflow as tf

from rt_seg_training.configuration import ConfigurationError, TrainingConfiguration

TF_CONFIG_EXAMPLE = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'


def create_strategy(distribution: str) -> tf.distribute.Strategy:
    """The strategy of a `distribution` setting; multi_worker must be the first thing that a process asks of TensorFlow.

    mirrored takes all GPUs, or all logical CPUs where there is no GPU. Raises ConfigurationError for multi_worker
    without a usable TF_CONFIG, or too late.
    """
    if distribution == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if distribution == "multi_worker":
        text = os.environ.get("TF_CONFIG", "")
        try:
            settings = json.loads(text)
            workers, index = settings["cluster"]["worker"], settings["task"]["index"]
            workers[index]
        except (ValueError, KeyError, IndexError, TypeError):
            raise ConfigurationError(
                f"distribution: multi_worker needs the environment variable TF_CONFIG on each machine, such as "
                f"{TF_CONFIG_EXAMPLE}; it is {text!r}"
            ) from None
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except RuntimeError as error:
            raise ConfigurationError(f"distribution: multi_worker cannot start: {error}") from error
    return tf.distribute.get_strategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process scores and writes the files: the only one, or worker 0."""
    resolver = strategy.cluster_resolver
    return resolver is None or not resolver.cluster_spec() or resolver.task_id == 0


def check(configuration: TrainingConfiguration, strategy: tf.distribute.Strategy, policy: str) -> None:
    """Raises ConfigurationError if batch or precision cannot be distributed over the replicas of the strategy."""
    replicas = strategy.num_replicas_in_sync
    if configuration.batch_size % replicas:
        raise ConfigurationError(
            f"batch_size: {configuration.batch_size} cannot be divided among {replicas} replicas; "
            f"give a multiple of {replicas}"
        )
    if replicas > 1 and policy == "mixed_float16":
        raise ConfigurationError(
            f"mixed_precision: float16 trains on one device only, there are {replicas}; choose bfloat16 or float32"
        )


def describe(configuration: TrainingConfiguration, strategy: tf.distribute.Strategy, policy: str) -> str:
    """One line for the log: replicas, global batch, learning rate, precision."""
    replicas = strategy.num_replicas_in_sync
    return (
        f"distribution {configuration.distribution}: {replicas} replica{'s'[: replicas > 1]}, "
        f"global batch {configuration.batch_size} = {replicas} x {configuration.batch_size // replicas}, "
        f"learning rate {configuration.learning_rate:g} for the global batch, precision {policy}"
    )


def from_chief(strategy: tf.distribute.Strategy, values: list[float]) -> list[float]:
    """The values that worker 0 holds, in every process; what the others give is not used."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return values
    chief = is_chief(strategy)

    @tf.function
    def summed(numbers):
        def of_replica():
            context = tf.distribute.get_replica_context()
            first = chief and context.replica_id_in_sync_group == 0
            return context.all_reduce(tf.distribute.ReduceOp.SUM, numbers if first else tf.zeros_like(numbers))

        return strategy.experimental_local_results(strategy.run(of_replica))[0]

    return summed(tf.constant(values, tf.float64)).numpy().tolist()
