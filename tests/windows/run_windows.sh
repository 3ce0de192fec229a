#!/usr/bin/env bash
# Runs a Windows program in a folder that make_windows.sh made: run_windows.sh FOLDER LOCALE PROGRAM [ARGUMENT...]
#
# LOCALE is en_US or ko_KR, which gives an ANSI code page of 1252 or 949, and each has a registry of its own, so that one
# program of each may run at a time. The working folder is FOLDER/w, the exit code that of the program. Where WINDOWS_LOG
# is set, it is Wine's own WINEDEBUG; variables of the caller do not reach the program.
set -euo pipefail
folder=$1 locale=$2
shift 2
[ -f "$folder/complete" ] || { echo "$folder is not complete. Make it with: make_windows.sh $folder" >&2; exit 3; }
case $locale in
    en_US) display=:79 ;;
    ko_KR) display=:80 ;;
    *) echo "The locale is '$locale', expected en_US or ko_KR." >&2; exit 2 ;;
esac

# A display, because without one Wine has no graphics card, and DirectX needs one. Its programs end with this shell, as
# they have a process namespace of their own.
inside='
    cd /w
    rm -f /tmp/.X${DISPLAY#:}-lock /tmp/.X11-unix/X${DISPLAY#:}
    Xvfb "$DISPLAY" -screen 0 640x480x24 >/dev/null 2>&1 &
    [ -d "$WINEPREFIX" ] || wineboot --init >/dev/null 2>&1
    wine "$@"
'
program=$(printf '%q ' "$@")
exec unshare --mount --pid --fork --kill-child --propagation private bash -ec "
    mount -t proc proc '$folder/proc'
    mount --bind /dev '$folder/dev'
    exec env --ignore-environment PATH=/usr/bin:/bin:/usr/sbin HOME=/root XDG_RUNTIME_DIR=/tmp LC_ALL=$locale.UTF-8 \
        DISPLAY=$display WINEPREFIX=/root/$locale WINEDEBUG=${WINDOWS_LOG:--all} VKD3D_DEBUG=none \
        WINEDLLOVERRIDES='mscoree,mshtml=' \
        chroot '$folder' bash -c $(printf '%q' "$inside") bash $program"
