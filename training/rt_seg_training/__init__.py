"""rt_seg_training: the offline half of rt_seg (TensorFlow, Keras, TFDS; never ROS)."""
