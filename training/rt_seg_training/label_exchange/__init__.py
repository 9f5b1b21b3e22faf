"""Labels in and out of the files of labelling programs: labelme, COCO, CVAT and VOC.

Each format is a module with `read(path) -> Annotations`, and `write(folder, frames, labels)` of `Annotated` frames.
"""
