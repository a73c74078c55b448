#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Deletes old snapshots and logs, while the server runs or not.
#
#   zkCleanup.sh -n COUNT                     of the directories that zoo.cfg names
#   zkCleanup.sh dataLogDir [snapDir] -n COUNT

# A link to this file may lie anywhere; zkEnv.sh lies beside the file.
SELF="${BASH_SOURCE-$0}"
while [ -L "$SELF" ]; do
    TARGET="$(readlink "$SELF")"
    case "$TARGET" in
    /*) SELF="$TARGET" ;;
    *) SELF="$(dirname "$SELF")/$TARGET" ;;
    esac
done
ZOOBINDIR="$(cd "$(dirname "$SELF")" && pwd)"

if [ -e "$ZOOBINDIR/../libexec/zkEnv.sh" ]; then
    . "$ZOOBINDIR/../libexec/zkEnv.sh"
else
    . "$ZOOBINDIR/zkEnv.sh"
fi

DIRS=()
case "$1" in
-*)
    DATADIR="$(setting dataDir)"
    DATALOGDIR="$(setting dataLogDir)"
    if [ -z "$DATADIR" ]; then
        echo "No dataDir in $ZOOCFG; name the directories, or set ZOOCFGDIR." >&2
        exit 1
    fi
    DIRS=("${DATALOGDIR:-$DATADIR}" "$DATADIR")
    ;;
esac

exec "$PADDOCK" purge "${DIRS[@]}" "$@"
