#!/usr/bin/env bash
# Runs a Windows program in a folder that make_windows.sh made:
#   run_windows.sh FOLDER LOCALE [NAME=VALUE...] PROGRAM [ARGUMENT...]
#
# LOCALE is en_US or ko_KR, which gives an ANSI code page of 1252 or 949, and each has a registry of its own, so that one
# program of each may run at a time. The working folder is FOLDER/w, which is Z:\w there; the exit code is the program's.
# It gets the named variables and none of the caller's. With DISPLAY= there is no graphics card; WINEDEBUG makes Wine
# say what it does.
set -euo pipefail
folder=$1 locale=$2
shift 2
variables=()
while [[ $1 =~ ^[A-Za-z_]+= ]]; do
    variables+=("$1")
    shift
done
[ -f "$folder/complete" ] || { echo "$folder is not complete. Make it with: make_windows.sh $folder" >&2; exit 3; }
case $locale in
    en_US) display=:79 ;;
    ko_KR) display=:80 ;;
    *) echo "The locale is '$locale', expected en_US or ko_KR." >&2; exit 2 ;;
esac

# A display, because without one Wine has no graphics card. What is started here ends with this shell, which is the first
# process of a namespace of its own.
inside='
    cd /w
    if [ -n "$DISPLAY" ]; then
        socket=/tmp/.X11-unix/X${DISPLAY#:}
        rm -f "$socket" "/tmp/.X${DISPLAY#:}-lock"
        Xvfb "$DISPLAY" -nolisten local -screen 0 640x480x24 >/dev/null 2>&1 &
        for _ in {1..100}; do [ -S "$socket" ] && break; sleep 0.1; done
    fi
    [ -d "$WINEPREFIX" ] || wineboot --init >/dev/null 2>&1
    wine "$@"
'
environment=(PATH=/usr/bin:/bin:/usr/sbin HOME=/root XDG_RUNTIME_DIR=/tmp "LC_ALL=$locale.UTF-8" "DISPLAY=$display"
    "WINEPREFIX=/root/$locale" WINEDEBUG=-all VKD3D_DEBUG=none "WINEDLLOVERRIDES=mscoree,mshtml="
    "${variables[@]}")
exec unshare --mount --pid --fork --kill-child --propagation private bash -ec "
    mount -t proc proc '$folder/proc'
    mount --bind /dev '$folder/dev'
    exec env --ignore-environment $(printf '%q ' "${environment[@]}") chroot '$folder' \
        bash -c $(printf '%q ' "$inside" bash "$@")"
