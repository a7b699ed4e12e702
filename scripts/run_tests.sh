#!/usr/bin/env bash
# Sets up what is missing, then runs the tests; installs nothing.
set -euo pipefail
source "$(dirname "$0")/functions.sh"

usage() {
    cat <<'END'
usage: scripts/run_tests.sh [--libtorch pip|debian|python|DIR] [--preset release|dev|asan|tsan] [ctest arguments]

Examples: scripts/run_tests.sh -R golden
          scripts/run_tests.sh --libtorch debian

Tests on real weights and images read $COMQ_ASSETS and $COMQ_GOLDEN (default: ../shared/assets and
../shared/golden) and are skipped without them; COMQ_REQUIRE=assets makes that a failure.
END
}

parse_leading_options "$@"
set -- "${rest[@]}"

choose_libtorch "$choice" "$preset"
set_up tests
# A test computes on all cores; a second one takes them while the first reads, writes or waits.
exec ctest --test-dir "$build" --output-on-failure --parallel 2 "$@"
