#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The shell, with ZooKeeper's commands and texts.
#
#   zkCli.sh [-server HOST:PORT[,HOST:PORT...][/chroot]] [-timeout MS] [COMMAND...]

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

exec "$PADDOCK" cli "$@"
