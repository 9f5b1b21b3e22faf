#!/bin/bash
# The two workflows of docs/tutorial.md, from nothing to a live model by one `learn` each:
#   docs/tutorial.sh camera FOLDER     a walk around an object
#   docs/tutorial.sh mesh FOLDER       a CAD file
# A simulated camera stands for yours. FOLDER holds all that is made, models too; the same command resumes where it was
# interrupted. Smaller or larger: FRAMES and RATE (of the recording), LEARN (more options of learn), RECIPE (YAML file).
set -euo pipefail

workflow=${1:?camera or mesh}
mkdir -p "${2:?a folder to work in}"
work=$(cd "$2" && pwd)
[ -z "${RECIPE:-}" ] || RECIPE=$(realpath "$RECIPE")
cd "$(dirname "$0")/.."
export RT_SEG_MODELS=$work/models

say() { printf '\n== %s\n' "$*"; }

record_walk() {
    [ -f "$work/walk.bag" ] ||
        rosrun rt_seg make_recording simulated --recipe "$1" --seed "$2" --count "${FRAMES:-240}" --rate "${RATE:-2}" \
            "$work/walk.bag"
}

learn() {
    # shellcheck disable=SC2086
    rosrun rt_seg learn "$@" --work "$work/learn" --minutes 5 --license MIT --no-browser ${LEARN:-}
}

case $workflow in
camera)
    name=part
    say "the camera: a walk around the object"
    record_walk "${RECIPE:-config/scenes/part_alone.yaml}" 3
    say "the model"
    learn "$work/walk.bag" --name $name --auto depth
    ;;
mesh)
    name=bracket
    recipe=${RECIPE:-config/scenes/bracket.yaml}
    say "the model"
    learn "$recipe" --name $name --count 300
    say "a recording of a scene that training has not seen"
    record_walk "$recipe" 1000000
    ;;
*)
    echo "$workflow: accepted are camera and mesh" >&2
    exit 2
    ;;
esac

say "live"
roslaunch rt_seg live.launch recording:="$work/walk.bag" speed:=8 bundle:=$name viewer:=status \
    snapshot:="$work/live.png"
