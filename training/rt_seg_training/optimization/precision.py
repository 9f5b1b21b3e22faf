"""The numeric precision of the layers in training."""

from __future__ import annotations


def layer_policy(mixed_precision: str, replicas: int = 1) -> str:
    """The Keras dtype policy of a `mixed_precision` setting.

    auto takes float16 on a GPU (bfloat16 on several, where Keras cannot scale the loss), bfloat16 on a CPU with matrix
    units for it (AMX), and float32 on any other CPU. It never takes float16 on a CPU, where a training step was 77
    times slower than in float32. Weights, loss and optimizer are float32 in all of them.
    """
    if mixed_precision == "auto":
        import tensorflow as tf

        from rt_seg.engines.openvino import preferred_precision

        if tf.config.list_physical_devices("GPU"):
            mixed_precision = "float16" if replicas == 1 else "bfloat16"
        else:
            mixed_precision = {"bf16": "bfloat16", "f32": "float32"}[preferred_precision()]
    return mixed_precision if mixed_precision == "float32" else f"mixed_{mixed_precision}"
