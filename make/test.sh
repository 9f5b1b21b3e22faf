#!/bin/bash
# `make test`: installs what tests need, builds, then runs every check; the exit code is 1 when any of them failed.
# `make/test.sh lint` runs the lint alone, `make/test.sh coverage` the unit tests, and prints what share of the code they
# run. With FAST=1, what takes long is left out: tests marked slow, most rostests.
# Results as JUnit XML in .setup/results, logs in .setup.
#
# Two cores are kept busy: what takes one only (pip, a suite that waits for nodes) has another such suite beside it.

# shellcheck source=make/steps.sh
source "$(dirname "$0")/steps.sh"
source make/install.sh
source make/workspace.sh
source make/lint.sh

WANTED=${1:-test}
RESULTS=$STATE/results
UNHURRIED=
[ -z "${FAST:-}" ] || UNHURRIED=" and not slow"
STARTED=$(date +%s%N)
# A file: some checks run in a process beside this one.
FAILED_CHECKS=$STATE/failed_checks
rm -f "$FAILED_CHECKS"

# check NAME DESCRIPTION COMMAND...: like a step, but never skipped, and a failure is reported and remembered only.
check() {
    local name=$1 description=$2 log=$STATE/$1.log started code
    shift 2
    printf '%-16s %s ... ' "$name" "$description"
    started=$(date +%s%N)
    set +e
    (set -e; "$@") </dev/null >"$log" 2>&1
    code=$?
    set -e
    if [ $code -eq 0 ]; then
        printf "passed in %s" "$(seconds "$started" | tr -d "\n")"
        "$SYSTEM_PYTHON" make/test_summary.py --counts "$RESULTS/$name.xml" "$RESULTS/$name" && echo
    else
        printf 'FAILED in %s\n' "$(seconds "$started")"
        echo "$name" >>"$FAILED_CHECKS"
        tail -n 60 "$log" | sed 's/^/    /'
        say "    (exit code $code; full log: ${log#"$REPOSITORY"/})"
    fi
}

# run_pytest NAME MARKERS ARGUMENT...: tests whose markers fit the expression.
run_pytest() {
    local name=$1 markers=$2
    shift 2
    # A file for each suite: two that write one at the same time would lose lines.
    [ "$WANTED" != coverage ] || export COVERAGE_FILE=$STATE/coverage/$name
    [ "$WANTED" != coverage ] || set -- --cov --cov-report= "$@"
    "$PYTHON" -m pytest --junitxml="$RESULTS/$name.xml" -m "$markers$UNHURRIED" "$@"
}

# The interpreter of ROS Noetic, without ROS on its path.
run_live38() {
    env -u PYTHONPATH "$STATE/python38/bin/python" -m pytest --junitxml="$RESULTS/live38.xml" -p no:cacheprovider \
        -n 2 --dist loadfile test/live
}

# registered PATTERN...: the roslaunch checks and rostests that the package registers with catkin, as targets of its build.
registered() {
    cmake --build $WORKSPACE/build --target help | sed -n 's/^\.\.\. \(run_tests_rt_seg_\(rostest\|roslaunch-check\)_.*\)/\1/p' |
        grep "$@" || true
}

# run_registered NAME TARGET...: each target writes a result file of its own. None is no success.
run_registered() {
    local name=$1 failed=0
    shift
    # Two at a time: each has a master of its own, and they wait for their nodes more than they compute. By xargs: the
    # Makefile of CMake takes the targets of one call in turn.
    [ $# -gt 0 ] && printf '%s\n' "$@" | "$SYSTEM_PYTHON" make/interruptible.py timeout --kill-after=30 1200 \
        xargs -P 2 -n 1 cmake --build $WORKSPACE/build --target || failed=1
    mkdir -p "$RESULTS/$name"
    find $WORKSPACE/build/test_results \( -name '*.xml' -o -name faults.txt \) -exec mv {} "$RESULTS/$name" \;
    "$SYSTEM_PYTHON" make/test_summary.py "$RESULTS/$name" || failed=1
    return $failed
}

# Python 3.8, where there is one: an environment of its own, and a suite that needs no other.
check_python38() {
    local older
    older=$(find_python38)
    [ -n "$older" ] || return 0
    prepare_python38 "$older"
    check live38 "unit tests of the live half on Python 3.8" run_live38
}

check_types() {
    [ ! -x .venv/bin/mypy ] || check types "mypy" lint_types
    [ ! -x .venv/bin/vermin ] || check python38 "Python 3.8 suffices for the live half" lint_python38
}

rm -rf "$RESULTS" "$STATE"/coverage*
mkdir -p "$RESULTS" "$STATE/coverage"
parts="test"
training=
if "$SYSTEM_PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
    training=yes
    [ "$WANTED" = lint ] || parts="training test"
else
    say "training         skipped: the offline half needs Python 3.10 or newer, $SYSTEM_PYTHON is older"
fi
# The viewer too: the check of live.launch wants every node that it starts.
install "environment live viewer test" live
beside install_requirements $parts
build_workspace
[ "$WANTED" != test ] || [ -n "${FAST:-}" ] || check_python38
join_beside || exit 1
enter_workspace

check style "ruff" lint_style
check sizes "no files above 500 kB" lint_sizes
check package "catkin_lint" lint_package
if [ "$WANTED" = lint ]; then
    check_types
else
    export PYTHONUNBUFFERED=1
    getent hosts "$(hostname)" >/dev/null || export ROS_HOSTNAME=${ROS_HOSTNAME:-localhost}

    # Two processes: much of the time is one thread's, as when TensorFlow traces a graph; each takes up to 2 GB.
    parallel=()
    ! "$PYTHON" -c 'import xdist' 2>/dev/null || parallel=(-n 2 --dist loadfile)
    check live "unit tests of the live half" run_pytest live "not ros" "${parallel[@]}" test/live
    [ -z "$training" ] || check training "unit tests of the offline half" \
        run_pytest training "not rendering" "${parallel[@]}" test/training
    beside_ros() {
        check_types
        [ -z "$training" ] || check rendering "unit tests of the offline half that render" \
            run_pytest rendering "rendering" test/training
        check executables "every executable: help, bad input" \
            run_pytest executables "ros" -o pythonpath=test/support test/ros/test_executables.py
        [ -n "${FAST:-}" ] || [ "$WANTED" = coverage ] ||
            check learn "the rostest that trains" run_registered learn $(registered 'learn\.test$')
    }
    # Without its rostests the workspace registers none, and their check fails.
    cmake -DCATKIN_ENABLE_TESTING=ON $WORKSPACE/build >"$STATE/registered.log" 2>&1 ||
        say "registered       FAILED: the rostests are not registered (the log: ${STATE#"$REPOSITORY"/}/registered.log)"
    rm -rf $WORKSPACE/build/test_results
    beside beside_ros
    # These take rt_seg from the workspace, which has its messages, and need no master. The executables compute, and are
    # judged by processor time, and one rostest trains: beside those that wait for nodes.
    check ros "unit tests of the ROS half" \
        run_pytest ros "ros" -o pythonpath=test/support --ignore test/ros/test_executables.py test/ros
    join_beside
    if [ "$WANTED" = coverage ]; then
        "$PYTHON" -m coverage combine --quiet --keep "$STATE"/coverage/*
        "$PYTHON" -m coverage report --skip-covered --sort=cover >"$RESULTS/coverage.txt" || true
        say "coverage         $("$PYTHON" -m coverage report --format=total) % of the statements (by file: $RESULTS/coverage.txt)"
    elif [ -n "${FAST:-}" ]; then
        check rostest "two rostests" run_registered rostest $(registered '\(segmentation\|control\)\.test$')
    else
        # The longest first, so that none is left alone at the end.
        check rostest "rostests and launch file checks" run_registered rostest \
            $(registered 'faults\.test$') $(registered -v '\(faults\|learn\)\.test$')
    fi
    say
    "$SYSTEM_PYTHON" make/test_summary.py "$RESULTS" || true
    [ ! -f "$RESULTS/rostest/faults.txt" ] || say "fault tests of the node, with measurements: ${RESULTS#"$REPOSITORY"/}/rostest/faults.txt"
fi
took=$(seconds "$STARTED")
if [ -s "$FAILED_CHECKS" ]; then
    say "FAILED: $(paste -sd ' ' "$FAILED_CHECKS") (in all $took)"
    exit 1
fi
say "all checks passed in $took"
