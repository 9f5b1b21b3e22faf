"""Labels in and out of the files of labelling programs: labelme, COCO, CVAT and VOC.

Each format is a module with `read(path)`, the `Annotated` frames of a file or folder, and `write(folder, frames,
labels)` of (file name, mask) pairs; exchange_commands adds zip files to all.
"""
