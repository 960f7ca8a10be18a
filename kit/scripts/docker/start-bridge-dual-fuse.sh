#!/bin/sh
# Starts the Bridge, or the command it is given, as the user LIGHTHOUSE_UID (1000) with CAP_SYS_ADMIN and nothing else.
#
# no-new-privileges disarms the setuid helper that mounts for ordinary users, so the capability is handed over as an
# ambient one. That takes root with SETUID, SETGID and SETPCAP for one moment; afterwards nothing can be gained again.
set -eu

uid=${LIGHTHOUSE_UID:-1000}
gid=${LIGHTHOUSE_GID:-$uid}

say() { printf 'start-bridge: %s\n' "$*" >&2; }
may() { [ $((0x$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status) >> $1 & 1)) = 1 ]; }

if [ $# = 0 ]; then
    set -- python -P -m bridge.main_bridge
    if [ -z "${LIGHTHOUSE_FUSE_BACKEND:-}" ]; then # what this image was built for, the first one serves
        read -r backend fallback rest </opt/lighthouse/backends || [ -n "$backend" ]
        export LIGHTHOUSE_FUSE_BACKEND="$backend" LIGHTHOUSE_FUSE_FALLBACK="${fallback:-none}"
        [ -z "${rest:-}" ] || say "of the backends of this image $rest will not be used"
    fi
    [ -c /dev/fuse ] || say "/dev/fuse is not there, so nothing can be mounted; give the container --device /dev/fuse"
fi

# PID 1 gets no signal it has no handler for, and must bury processes it never started: tini does both.
[ $$ != 1 ] || set -- tini -- "$@"

if [ "$(id -u)" = 0 ] && [ "$uid" != 0 ]; then
    capability=-all
    if may 21; then
        capability=-all,+sys_admin
    else
        say "there is no CAP_SYS_ADMIN, so nothing can be mounted; give the container --cap-add SYS_ADMIN"
    fi
    for needed in 6:SETGID 7:SETUID 8:SETPCAP; do
        may "${needed%%:*}" && continue
        say "cannot become uid $uid without CAP_${needed#*:}; give the container --cap-add ${needed#*:}"
        exit 1
    done
    set -- setpriv --reuid "$uid" --regid "$gid" --clear-groups --bounding-set "$capability" \
        --inh-caps "$capability" --ambient-caps "$capability" -- "$@"
fi

exec "$@"
