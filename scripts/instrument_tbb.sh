#!/usr/bin/env bash
# Compiles the distribution's TBB with ThreadSanitizer and installs it into FOLDER, for the preset tsan.
set -euo pipefail

[ $# -eq 1 ] || {
    echo "usage: scripts/instrument_tbb.sh FOLDER" >&2
    exit 2
}
folder=$(realpath -m "$1")
work=$folder.partial
rm -rf "$folder" "$work"
mkdir -p "$work"/{sources,lists/partial,cache,tbb}

# The sources of the distribution, without a change to what apt knows on this machine.
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
    [ -f "$file" ] || continue
    sed -E 's/^deb /deb-src /; s/^Types:.*/Types: deb-src/' "$file" >"$work/sources/${file##*/}"
done
apt=(apt-get -q -y -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$work/sources"
    -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache")
# Other repositories may have none.
"${apt[@]}" update || true
(cd "$work" && "${apt[@]}" source --download-only onetbb)
tar -xJf "$work"/onetbb_*.orig.tar.xz --strip-components=1 -C "$work/tbb"

cmake -G Ninja -S "$work/tbb" -B "$work/build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DTBB_SANITIZE=thread \
    -DTBB_TEST=OFF -DTBB_STRICT=OFF -DTBBMALLOC_BUILD=OFF -DTBB_DISABLE_HWLOC_AUTOMATIC_SEARCH=ON
cmake --build "$work/build"
cmake --install "$work/build" --prefix "$work/installed"
mv "$work/installed" "$folder"
rm -rf "$work"
