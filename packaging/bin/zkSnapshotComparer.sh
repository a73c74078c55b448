#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Tells in what two snapshots differ.
#
#   zkSnapshotComparer.sh -l LEFT -r RIGHT -b BYTES -n NODES [-d]

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

exec "$PADDOCK" snap compare "$@"
