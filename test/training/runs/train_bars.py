"""Trains a tiny network on bars, for the tests that need a process of their own: RUN DATA_DIR [setting=value …]."""

import dataclasses
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def tiny_net(name, height, width, class_count, auxiliary_head=False, head="semantic"):
    """A network whose compilation takes a second."""
    import keras

    inputs = keras.Input((height, width, 3))
    features = keras.layers.Conv2D(8, 3, 2, "same", use_bias=False)(inputs)
    features = keras.layers.ReLU()(keras.layers.BatchNormalization()(features))
    features = keras.layers.Conv2D(16, 3, 2, "same", use_bias=False)(features)
    features = keras.layers.ReLU()(keras.layers.BatchNormalization()(features))
    return keras.Model(inputs, keras.layers.Conv2D(class_count, 1, dtype="float32")(features))


def main(run: str, data_dir: str, *changes: str) -> int:
    options = dict(change.split("=", 1) for change in changes)
    import tensorflow as tf

    cpus = int(options.pop("cpus", 1))
    if cpus > 1:
        device = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * cpus)
    from rt_seg_training.configuration import FIELDS, TrainingConfiguration
    from rt_seg_training.datasets.loading import load_dataset
    from rt_seg_training.nets import registry
    from rt_seg_training.optimization import training_step
    from rt_seg_training.runs import training_run
    from rt_seg_training.runs.distribution import create_strategy

    registry.build_net = tiny_net
    pause = float(options.pop("pause", 0))
    if pause:  # long enough steps for a signal to meet one
        compile_step = training_step.compile_step

        def slow(*arguments):
            step = compile_step(*arguments)

            def slow_step(*batch):
                print("a step begins", flush=True)
                time.sleep(pause)
                return step(*batch)

            return slow_step

        training_run.compile_step = slow
    types = {"int": int, "float": float, "str": str}
    configuration = dataclasses.replace(
        TrainingConfiguration(
            dataset="bars", train_split="train", validation_split="validation", height=64, width=64, crop_height=64,
            crop_width=64, batch_size=2, steps=6, validate_every=3, warmup_steps=1, initial_weights="random",
            auxiliary_weight=0.0, checkpoint_minutes=0.0, run=run,
        ),
        **{name: types[FIELDS[name].type](value) for name, value in options.items()},
    )  # fmt: skip
    strategy = create_strategy(configuration.distribution)
    try:
        training_run.TrainingRun(configuration, load_dataset("bars", data_dir), strategy).train()
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
