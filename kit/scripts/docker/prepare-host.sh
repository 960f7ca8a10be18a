#!/bin/sh
# Makes the folder whose mounts a container and this host share. Usage, as root: prepare-host.sh [FOLDER]
#
# Docker binds a folder with `rshared` only where the folder is a shared mount itself. A reboot forgets that; run it again.
set -eu

folder=${1:-${LIGHTHOUSE_MOUNTS:-/mnt/lighthouse}}

if [ "$(id -u)" != 0 ]; then
    echo "prepare-host: only root may mount; run: sudo sh $0 $folder" >&2
    exit 1
fi
mkdir -p "$folder"
folder=$(cd "$folder" && pwd -P)
mountpoint -q "$folder" || mount --bind "$folder" "$folder"
mount --make-shared "$folder"
for side in primary shadow; do
    # what a container that was killed left mounted there would make its successor fail
    while mountpoint -q "$folder/$side/project" || grep -q " $folder/$side/project " /proc/self/mounts; do
        umount -l "$folder/$side/project"
    done
    [ -d "$folder/$side" ] || install -d -o 1000 -g 1000 "$folder/$side"
done
[ -c /dev/fuse ] || modprobe fuse
echo "prepare-host: $folder is shared, with a folder for each Bridge in it"
