#!/usr/bin/env bash
# Builds the development images and weights (datasets/README.md) from their public sources.
set -euo pipefail

usage() {
    cat <<'END'
usage: scripts/fetch_development_images.sh [--dry-run] [--only NAME,...] [--sources FILE] FOLDER

Downloads what FOLDER lacks, makes the images of it, and compares each set with the SHA-256 in
scripts/development_images.sha256. What is there and right is left alone; an interrupted download
is continued. Then: export COMQ_ASSETS=FOLDER

--dry-run        print the sources and what FOLDER has, and change nothing
--only NAME,...  these of the sources alone
--sources FILE   another list than scripts/development_images.sources, such as one of mirrors

Needs curl, and Pillow for images (the package python3-pil); PyTorch for SqueezeNet. Downloads some
300 MB and leaves 100 MB. Exit code 3 when anything is missing or differs.
END
}

fail() {
    echo "fetch_development_images.sh: error: $1" >&2
    exit "${2:-1}"
}

here=$(cd "$(dirname "$0")" && pwd)
dry_run=false only='' folder='' sources=$here/development_images.sources
digests=$here/development_images.sha256
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage && exit ;;
        --dry-run) dry_run=true ;;
        --only) only=${2:?--only needs names} && shift ;;
        --sources) sources=${2:?--sources needs a file} && shift ;;
        -*) usage >&2 && exit 2 ;;
        *) folder=$1 ;;
    esac
    shift
done
[ -n "$folder" ] || { usage >&2 && exit 2; }
[ -r "$sources" ] || fail "$sources: there is no such list of sources" 2
command -v curl >/dev/null || fail "curl is not installed; install the package curl"

# The digest of a file, or of the sorted list of digests of a folder's images.
digest_of() { # PATH-BELOW-FOLDER
    case $1 in
        */) (cd "$folder" && find "$1" -type f -name '*.JPEG' -print0 | LC_ALL=C sort -z |
            xargs -0 -r sha256sum | sha256sum | cut -d ' ' -f 1) ;;
        *) sha256sum "$folder/$1" | cut -d ' ' -f 1 ;;
    esac
}

expected_digest() { awk -v path="$1" '$2 == path {print $1}' "$digests"; }

# Whether everything that a source becomes is there with the digest of the list.
is_right() { # PATH,...
    local path
    for path in ${1//,/ }; do
        [ -e "$folder/$path" ] && [ "$(digest_of "$path")" = "$(expected_digest "$path")" ] || return 1
    done
}

# FILE from URL, continued where an earlier attempt stopped; from the start where the server cannot
# continue, or says that nothing is left.
download() { # URL FILE
    local attempt
    for attempt in continue afresh; do
        if curl --fail --location --silent --show-error --retry 2 --connect-timeout 30 \
            --continue-at - --output "$2.part" "$1"; then
            mv "$2.part" "$2"
            return 0
        fi
        [ "$attempt" = continue ] && [ -s "$2.part" ] || return 1
        rm -f "$2.part"
    done
}

# A Python that has the module $1: that of the path, the system's, or the one of comq's LibTorch.
python_with() {
    local python libtorch
    for python in python3 /usr/bin/python3; do
        if "$python" -c "import $1" 2>/dev/null; then
            echo "$python"
            return 0
        fi
        for libtorch in "$here"/../build/libtorch-*; do
            if PYTHONPATH=$libtorch "$python" -c "import $1" 2>/dev/null; then
                echo "env PYTHONPATH=$libtorch $python"
                return 0
            fi
        done
    done
    return 1
}

# Makes the part NAME of what was downloaded.
build() { # NAME ARCHIVE
    local module=PIL python unpacked=$2.d
    [ "$1" != squeezenet ] || module=torch
    [ "$1" != labels ] || module=csv
    python=$(python_with $module) || {
        echo "not made: $1: no python3 here has $module; $2 is kept" >&2
        return 1
    }
    read -r -a python <<<"$python"
    case $2 in
        *.tar.gz)
            rm -rf "$unpacked"
            mkdir "$unpacked"
            # Archives of GitHub have one folder at the top, that of Caffe has none.
            if tar -tzf "$2" | grep -qv '^[^/]*/'; then
                tar -xzf "$2" -C "$unpacked"
            else
                tar -xzf "$2" -C "$unpacked" --strip-components=1
            fi
            "${python[@]}" "$here/build_development_images.py" "$1" "$unpacked" "$folder" || return 1
            rm -rf "$unpacked"
            ;;
        *) "${python[@]}" "$here/build_development_images.py" "$1" "$2" "$folder" ;;
    esac
}

# Downloads and makes one source; false when it is gone, cannot be made, or gives something else.
fetch() { # NAME PATHS URL
    local name=$1 paths=$2 url=$3 file path found right=true
    mkdir -p "$folder/downloads" "$folder/weights"
    file=$folder/downloads/$name.${url##*.}
    case $url in *.tar.gz) file=$folder/downloads/$name.tar.gz ;; esac
    echo "$name: $url"
    if [ ! -e "$file" ] && ! download "$url" "$file"; then
        echo "gone: $url ($paths)" >&2
        return 1
    fi
    case $name in
        train_photos | val_photos | cifar10 | labels | squeezenet) build "$name" "$file" || return 1 ;;
        *) cp "$file" "$folder/$paths" ;;
    esac
    for path in ${paths//,/ }; do
        found=$(digest_of "$path")
        [ "$found" != "$(expected_digest "$path")" ] || continue
        echo "differs: $path has SHA-256 $found, not $(expected_digest "$path"): measured numbers may not come out the same" >&2
        right=false
    done
    rm -f "$file"
    $right
}

missing=0 matched=false
while read -r name paths url <&3; do
    case $name in '' | '#'*) continue ;; esac
    case ,$only, in ,, | *,"$name",*) ;; *) continue ;; esac
    matched=true
    if is_right "$paths"; then
        echo "there: $name (${paths//,/, })"
    elif $dry_run; then
        echo "to fetch: $name: $url (${paths//,/, })"
    elif ! fetch "$name" "$paths" "$url"; then
        missing=$((missing + 1))
    fi
done 3<"$sources"
$matched || fail "$sources names no source '$only'" 2
if [ $missing -gt 0 ]; then
    echo "$missing of the sources are missing or differ, see above" >&2
    exit 3
fi
if ! $dry_run; then
    rmdir "$folder/downloads" 2>/dev/null || true
    echo "export COMQ_ASSETS=$(realpath "$folder")"
fi
