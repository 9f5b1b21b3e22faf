#!/bin/bash
# The two workflows of docs/tutorial.md, from nothing to a live model:
#   docs/tutorial.sh camera FOLDER     record, capture, label, augment, build, train, export, live
#   docs/tutorial.sh mesh FOLDER       synthesise from a CAD file, build, train, export, live
# A simulated camera stands for yours. FOLDER holds all that is made; the same command resumes where it was interrupted.
# Smaller or larger: FRAMES and RATE (of the recording), COUNT (of synthesised images), STEPS (of training), TRAIN and
# EXPORT (more options), RECIPE (YAML file).
set -euo pipefail

road=${1:?camera or mesh}
mkdir -p "${2:?a folder to work in}"
work=$(cd "$2" && pwd)
[ -z "${RECIPE:-}" ] || RECIPE=$(realpath "$RECIPE")
cd "$(dirname "$0")/.."
export TFDS_DATA_DIR=$work/built
name=tutorial_$road

say() { printf '\n== %s\n' "$*"; }

record_walk() {
    [ -f "$work/walk.bag" ] ||
        rosrun rt_seg make_recording simulated --recipe "$1" --seed 3 --count "${FRAMES:-240}" --rate "${RATE:-2}" \
            "$work/walk.bag"
}

case $road in
camera)
    recipe=${RECIPE:-config/scenes/part_alone.yaml}
    say "the camera: a walk around the object"
    record_walk "$recipe"
    say "the images worth labelling, with depth"
    rosrun rt_seg capture "$work/walk.bag" --output "$work/captures" --rate 1 --change 2
    say "their masks: what stands out from the table"
    rosrun rt_seg label_binary "$work/captures" --output "$work/labelled" --name part --auto depth --min-height 0.015
    say "more of them"
    rosrun rt_seg augment "$work/labelled" config/augmentation/objects.yaml --output "$work/grown"
    say "the data set"
    rosrun rt_seg build_dataset custom "$work/grown" --name "$name"
    ;;
mesh)
    recipe=${RECIPE:-config/scenes/bracket.yaml}
    say "images of the part, with their masks"
    rosrun rt_seg synthesize --recipe "$recipe" --count "${COUNT:-600}" --seed 1000 --with-depth --output "$work/$name.zip"
    say "a recording of scenes that training does not see"
    record_walk "$recipe"
    say "the data set"
    rosrun rt_seg build_dataset custom "$work/$name.zip" --name "$name"
    ;;
*)
    echo "$road: accepted are camera and mesh" >&2
    exit 2
    ;;
esac

say "the model"
# shellcheck disable=SC2086
rosrun rt_seg train config/training/bracket.yaml --dataset "$name" --run "$work/run" --steps "${STEPS:-600}" ${TRAIN:-}
say "its bundle"
# shellcheck disable=SC2086
[ -f "$work/model/bundle.yaml" ] || rosrun rt_seg export "$work/run" --output "$work/model" --license MIT ${EXPORT:-}
say "live"
roslaunch rt_seg live.launch recording:="$work/walk.bag" speed:=8 bundle:="$work/model" viewer:=status \
    snapshot:="$work/live.png"
