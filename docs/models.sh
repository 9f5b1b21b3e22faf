#!/bin/bash
# A shipped model from pre-trained weights to its bundle, in one command:
#   docs/models.sh tabletop|things FOLDER                     from rendered scenes
#   docs/models.sh camvid|indoor|polehole FOLDER SOURCE       SOURCE: what build_dataset reads (docs/datasets.md)
#   docs/models.sh tabletop_ddrnet FOLDER [SMALL LARGE]       features from two folders of images without labels, then
#                                                             scenes; without the folders from the shipped weights
# FOLDER gets scenes, datasets, runs, and the bundle models/NAME, which serves by that path and replaces nothing. The same
# command resumes where it was interrupted. config/training/NAME.yaml is the recipe. For a trial: SCENES=24, and more
# options of the steps: PRETRAIN="--steps 2", TRAIN="--steps 2", EXPORT="--precision f32".
set -euo pipefail

name=${1:?name of a shipped model}
mkdir -p "${2:?a folder to work in}"
work=$(cd "$2" && pwd)
sources=()
for path in "${@:3}"; do sources+=("$(realpath -e "$path")"); done
cd "$(dirname "$0")/.."

stop() {
    echo "docs/models.sh: $*" >&2
    exit 2
}
command -v rosrun >/dev/null && [ -x .venv/bin/python ] ||
    stop "rosrun or .venv is missing: make training, then source .workspace/devel/setup.bash"

# once STEP COMMAND...: skipped when the same command has succeeded in FOLDER; another one there is refused, so that a trial
# does not become part of a model.
once() {
    local step=$1 before=$work/done/$1
    shift
    printf '\n== %s\n' "$step"
    if [ -e "$before" ]; then
        [ "$(cat "$before")" = "$*" ] || stop "'$step' was done in $work with other settings: $(cat "$before");" \
            "now: $*; name another folder"
        echo "done before"
        return
    fi
    "$@"
    mkdir -p "$work/done"
    printf '%s\n' "$*" >"$before.new"
    mv "$before.new" "$before"
}

scenes() { once scenes rosrun rt_seg synthesize "$@" ${SCENES:+--count "$SCENES"} --output "$work/scenes"; }

dataset() {
    once "data set" rosrun rt_seg build_dataset "$1" "$2" --data-dir "$work/datasets" --overwrite "${@:3}"
}

# training RUN OPTION...: `train` itself resumes.
training() {
    # shellcheck disable=SC2086
    once "training $1" rosrun rt_seg train "$name" --data-dir "$work/datasets" --run "$work/runs/$1" "${@:2}" ${TRAIN:-}
}

# mean RUN SOURCE...: the weights of runs, averaged.
mean() {
    once "mean $1" rosrun rt_seg average_runs "${@:2}" --output "$work/runs/$1" --data-dir "$work/datasets"
}

features() {
    # shellcheck disable=SC2086
    once "$1" .venv/bin/python -m rt_seg_training.pretraining.training "${@:2}" ${PRETRAIN:-}
}

# bundle: of the run NAME, with the licence of the shipped bundle: the data are the same.
bundle() {
    local license
    license=$(.venv/bin/python -c 'import sys, yaml; print(yaml.safe_load(open(sys.argv[1]))["license"])' \
        "models/$name/bundle.yaml")
    # shellcheck disable=SC2086
    once bundle rosrun rt_seg export "$work/runs/$name" --data-dir "$work/datasets" --output "$work/models/$name" \
        --license "$license" ${EXPORT:-}
}

source_of_data() {
    [ ${#sources[@]} -eq 1 ] || stop "$name is trained on data that are yours to bring: docs/models.sh $name FOLDER SOURCE"
}

no_source() { [ ${#sources[@]} -eq 0 ] || stop "$name takes no source, its scenes are rendered: docs/models.sh $name FOLDER"; }

# A function is read whole before it runs: an edit of this file does not reach a training of hours.
make_model() {
    case $name in
    tabletop)
        no_source
        scenes --count 900 --seed 10000 --validation-share 0.08
        dataset custom "$work/scenes" --name tabletop
        training tabletop
        ;;
    tabletop_ddrnet)
        start=()
        case ${#sources[@]} in
        0) ;;
        2)
            features "features, small images" "$work/runs/small" "${sources[0]}" --side 96 --batch 64 --steps 3246
            features "features, large images" "$work/runs/features" "${sources[1]}" --side 224 --batch 12 --steps 1700 \
                --start "$work/runs/small"
            start=(--initial-weights "$work/runs/features")
            ;;
        *)
            stop "tabletop_ddrnet takes no folder of images, or two: docs/models.sh tabletop_ddrnet FOLDER SMALL LARGE"
            ;;
        esac
        scenes --count 900 --seed 10000 --validation-share 0.08
        dataset custom "$work/scenes" --name tabletop
        training tabletop_ddrnet "${start[@]}"
        ;;
    things)
        no_source
        scenes --scene things --count 731 --seed 50000 --validation-share 0.1 --with-depth
        dataset custom "$work/scenes" --name things
        training things
        ;;
    polehole)
        source_of_data
        dataset custom "${sources[0]}" --name polehole
        training polehole
        ;;
    camvid)
        source_of_data
        dataset camvid "${sources[0]}"
        training camvid
        ;;
    indoor)
        source_of_data
        dataset nyu_depth_v2 "${sources[0]}" --classes 13
        local runs=$work/runs early=(--noise 0.1 --depth-noise 0.4) middle=(--noise 0.3 --depth-noise 0.6 --steps 800)
        local plain=("${early[@]}" --loss cross_entropy)
        training first "${plain[@]}" --batch-size 6 --steps 760 --learning-rate 0.002 --ema 0.99 --seed 3
        training second "${plain[@]}" --batch-size 6 --steps 1800 --ema 0.99 --seed 4 --initial-weights "$runs/first"
        training third "${plain[@]}" --steps 1500 --seed 6 --initial-weights "$runs/second"
        training fourth "${early[@]}" --steps 1600 --seed 7 --initial-weights "$runs/third"
        mean fifth "$runs/fourth" "$runs/third"
        training sixth "${middle[@]}" --seed 11 --initial-weights "$runs/fifth"
        training seventh "${middle[@]}" --seed 12 --initial-weights "$runs/fifth"
        mean eighth "$runs/sixth" "$runs/seventh" "$runs/fifth"
        training ninth --initial-weights "$runs/eighth"
        mean indoor "$runs/ninth" "$runs/sixth" "$runs/seventh"
        ;;
    *)
        stop "$name: accepted are tabletop, tabletop_ddrnet, things, polehole, camvid and indoor"
        ;;
    esac
    bundle
    printf '\n== ready: roslaunch rt_seg live.launch bundle:=%s\n' "$work/models/$name"
}
make_model
