# Installs system packages and Python requirements: both at the same time on a fresh system, where apt keeps one core busy
# unpacking for a minute and pip the other.

# shellcheck shell=bash disable=SC2034,SC2086

source make/system.sh
source make/python.sh

# install "GROUP..." "PART...": packages of these groups, .venv, and requirements-PART.txt of each part.
install() {
    local groups=$1 parts=$2 missing
    missing=$(missing_packages $groups)
    if [ -z "$missing" ]; then
        prepare_environment $parts
        return
    fi
    prepare_installation $missing
    install_packages environment
    beside prepare_environment $parts
    install_packages $groups
    # Once more if it failed: pip also reads the system's Python packages, which apt was just unpacking.
    join_beside || prepare_environment $parts
}

prepare_environment() {
    create_environment
    install_requirements "$@"
}
