#!/bin/bash
# `make live`: installs what is missing, builds, prepares the demo recording and starts live.launch.
# Reads CAMERA, BUNDLE, RECORDING, LOOP, VIEWER and ARGS from the environment; `make help` describes them.

# shellcheck source=make/steps.sh
source "$(dirname "$0")/steps.sh"
source make/install.sh
source make/workspace.sh

# Of scenes that no shipped model was trained on.
DEMO_SEED=3
DEMO_FRAMES=180
DEMO_RECORDING=recordings/demo.bag

camera=${CAMERA:-recording}
viewer=${VIEWER:-$([ -n "${DISPLAY:-}" ] && echo rviz || echo web)}
loop=${LOOP:-$([ "$viewer" = rviz ] && echo true || echo false)}
recording=${RECORDING:-$DEMO_RECORDING}

[ "$camera" != replay ] || camera=recording # the name that it had first
case $camera in
    recording | realsense | realsense_sdk | webcam | video | simulated | several | none) ;;
    *) stop "CAMERA=$camera is not known; accepted: recording, realsense, realsense_sdk, webcam, video, simulated, several, none" ;;
esac
usual=tabletop
[[ $camera != realsense* ]] || usual=things # it takes the depth of the camera, and any table
bundle=${BUNDLE:-$usual}
[ -z "${RECORDING:-}" ] || [ -e "$RECORDING" ] || compgen -G "${RECORDING}_*.bag" >/dev/null ||
    stop "RECORDING=$RECORDING: no such file or folder"

groups="environment live"
[ "$viewer" != rviz ] || groups+=" viewer"
install "$groups" live
build_workspace
enter_workspace

if [ "$camera" = realsense ] && ! rospack find realsense2_camera >/dev/null 2>&1; then
    say "camera           realsense2_camera is not installed here: using the camera through its SDK (realsense_sdk)"
    camera=realsense_sdk
fi

bundle=$("$PYTHON" make/check_bundle.py "$bundle") || exit 1

if [ "$camera" = recording ] && [ -z "${RECORDING:-}" ]; then
    mapfile -t simulation < <(find src/rt_seg/simulation src/rt_seg/cameras src/rt_seg/ros/recording \
        config/labels/tabletop.yaml -type f -not -name '*.pyc' | sort)
    step recording "render the demo recording ($DEMO_FRAMES simulated frames)" \
        "$DEMO_SEED $DEMO_FRAMES $(fingerprint "${simulation[@]}")" "$DEMO_RECORDING" \
        rosrun rt_seg make_recording simulated --seed "$DEMO_SEED" --count "$DEMO_FRAMES" "$DEMO_RECORDING"
fi

# A machine whose own name does not resolve (many containers) can still talk to itself.
getent hosts "$(hostname)" >/dev/null || export ROS_HOSTNAME=${ROS_HOSTNAME:-localhost}

say "live             roslaunch rt_seg live.launch (camera: $camera, bundle: $bundle, viewer: $viewer); Ctrl-C stops it"
# shellcheck disable=SC2086
exec "$PYTHON" make/launch.py rt_seg live.launch camera:="$camera" bundle:="$bundle" viewer:="$viewer" loop:="$loop" \
    recording:="$(realpath -m "$recording")" snapshot:="$REPOSITORY/recordings/snapshot.png" ${ARGS:-}
