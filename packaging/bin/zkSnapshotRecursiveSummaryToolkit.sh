#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Counts znodes and bytes below a znode of a snapshot.
#
#   zkSnapshotRecursiveSummaryToolkit.sh FILE NODE DEPTH

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

exec "$PADDOCK" snap summary "$@"
