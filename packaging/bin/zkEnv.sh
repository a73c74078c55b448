#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What the scripts beside this one have in common: where things are and what the environment says.
# It is sourced, with ZOOBINDIR set to the directory of the scripts, and takes --config DIR off their arguments.
#
#   ZOOCFGDIR, ZOOCFG      directory and name of the configuration file; conf/zoo.cfg beside bin
#   ZOO_LOG_DIR            where start puts what the server prints; logs beside bin
#   SERVER_JVMFLAGS, CLIENT_JVMFLAGS, JVMFLAGS
#                          their -Dname=value count, everything else in them does not
#   ZK_SERVER_HEAP         in megabytes: the memory the server tries to stay below
#   PADDOCK                the binary; paddock beside this file, or in PATH
#
# zookeeper-env.sh and java.env in ZOOCFGDIR may set any of them.

ZOOBINDIR="${ZOOBINDIR:-/usr/bin}"
ZOOKEEPER_PREFIX="${ZOOBINDIR}/.."

if [ $# -gt 1 ] && [ "$1" = "--config" ]; then
    ZOOCFGDIR="$2"
    shift 2
fi

if [ -z "$ZOOCFGDIR" ]; then
    if [ -e "${ZOOKEEPER_PREFIX}/conf" ]; then
        ZOOCFGDIR="${ZOOBINDIR}/../conf"
    else
        ZOOCFGDIR="${ZOOBINDIR}/../etc/zookeeper"
    fi
fi

# Both files are the operator's. They may leave variables unexported, as they only ever met a shell.
if [ -f "${ZOOCFGDIR}/zookeeper-env.sh" ]; then
    . "${ZOOCFGDIR}/zookeeper-env.sh"
fi
case "$ZOOCFG" in
/*) ;;
*) ZOOCFG="${ZOOCFGDIR}/${ZOOCFG:-zoo.cfg}" ;;
esac
if [ -f "${ZOOCFGDIR}/java.env" ]; then
    . "${ZOOCFGDIR}/java.env"
fi

ZOO_LOG_DIR="${ZOO_LOG_DIR:-${ZOOKEEPER_PREFIX}/logs}"
USER="${USER:-$(id -un 2>/dev/null || id -u)}"
HOSTNAME="${HOSTNAME:-$(uname -n)}"

if [ -z "$PADDOCK" ]; then
    if [ -x "${ZOOBINDIR}/paddock" ]; then
        PADDOCK="${ZOOBINDIR}/paddock"
    elif ! PADDOCK="$(command -v paddock)"; then
        echo "Error: paddock is neither in ${ZOOBINDIR} nor in PATH; set PADDOCK to the binary." >&2
        exit 1
    fi
fi

export SERVER_JVMFLAGS CLIENT_JVMFLAGS JVMFLAGS

# setting KEY: what ZOOCFG says, the value of the last line KEY=value, KEY:value or KEY value, without blanks around it.
setting() {
    [ -r "$ZOOCFG" ] || return 0
    sed -n -e "s/^[[:space:]]*$1[[:space:]]*[=:][[:space:]]*//p" -e "t" -e "s/^[[:space:]]*$1[[:space:]]\{1,\}//p" "$ZOOCFG" |
        tail -n 1 | tr -d '\r' | sed -e 's/[[:space:]]*$//'
}
