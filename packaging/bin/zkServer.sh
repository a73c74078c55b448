#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Starts, stops and asks one server, with the verbs, texts and exit codes of ZooKeeper's script.
#
#   zkServer.sh [--config DIR] {start|start-foreground|stop|restart|status|version|print-cmd} [zoo.cfg]
#
# The last word is a file in ZOOCFGDIR, or a path. See zkEnv.sh for the environment, and beyond that:
#
#   ZOOPIDFILE     the pid file; zookeeper_server.pid in dataDir
#   ZOO_DATADIR_AUTOCREATE_DISABLE   do not make the data directories, fail if they are missing
#   ZOO_NOEXEC     start-foreground waits for the server instead of becoming it

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

# --- what every verb prints and needs ------------------------------------------------------------

# There is no JMX. The line stays, because scripts count and cut it.
if [ -z "$JMXDISABLE" ] || [ "$JMXDISABLE" = "false" ]; then
    echo "ZooKeeper JMX enabled by default" >&2
else
    echo "JMX disabled by user request" >&2
fi

if [ -n "$2" ]; then
    case "$2" in
    */*) ZOOCFG="$2" ;;
    *) ZOOCFG="$ZOOCFGDIR/$2" ;;
    esac
fi
echo "Using config: $ZOOCFG" >&2

DATADIR="$(setting dataDir)"
DATALOGDIR="$(setting dataLogDir)"

SERVER=("$PADDOCK" server)
if [ -n "$ZOO_DATADIR_AUTOCREATE_DISABLE" ]; then
    if [ ! -d "$DATADIR/version-2" ]; then
        echo "ZooKeeper data directory is missing at $DATADIR fix the path or run initialize"
        exit 1
    fi
    if [ -n "$DATALOGDIR" ] && [ ! -d "$DATALOGDIR/version-2" ]; then
        echo "ZooKeeper txnlog directory is missing at $DATALOGDIR fix the path or run initialize"
        exit 1
    fi
    SERVER+=(-Dzookeeper.datadir.autocreate=false)
fi
if [ -n "$ZOO_LOG4J_PROP" ]; then
    SERVER+=("-Dzookeeper.root.logger=$ZOO_LOG4J_PROP")
fi
SERVER+=("$ZOOCFG")

PIDFILE="${ZOOPIDFILE:-$DATADIR/zookeeper_server.pid}"
OUT="$ZOO_LOG_DIR/zookeeper-$USER-server-$HOSTNAME.out"

# Only a heap that was asked for limits the memory; Java's default of 1000 MB is a JVM's worry.
case "$ZK_SERVER_HEAP" in
'' | *[!0-9]* | 0*) ;;
*) export GOMEMLIMIT="${GOMEMLIMIT:-${ZK_SERVER_HEAP}MiB}" ;;
esac

# --- verbs ---------------------------------------------------------------------------------------

# running PID: whether that process runs. In a container whose first process waits for nobody, the dead keep their pids.
running() {
    [ -n "$1" ] && kill -0 "$1" 2>/dev/null || return 1
    case "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null)" in
    Z*) return 1 ;;
    esac
}

# fails LAST-WORDS REASON: ends the line that start has begun, and says why on the standard error.
fails() {
    echo "$1"
    [ -z "$2" ] || echo "$2" >&2
    exit 1
}

start() {
    echo -n "Starting zookeeper ... "
    if [ -f "$PIDFILE" ]; then
        pid="$(cat "$PIDFILE")"
        if running "$pid"; then
            fails "already running as process $pid."
        fi
    fi
    if [ -z "$DATADIR" ]; then
        fails "FAILED TO START" "$ZOOCFG is missing, or has no line dataDir=..."
    fi
    mkdir -p "$(dirname "$PIDFILE")" || fails "FAILED TO WRITE PID"
    mkdir -p "$ZOO_LOG_DIR" && : >"$OUT" || fails "FAILED TO START" "Cannot write to $OUT; set ZOO_LOG_DIR."

    nohup "${SERVER[@]}" >"$OUT" 2>&1 </dev/null &
    pid=$!
    if ! echo -n "$pid" >"$PIDFILE"; then
        kill "$pid"
        fails "FAILED TO WRITE PID"
    fi
    # What can go wrong goes wrong at once: a bad configuration, a directory in use, a port taken.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        sleep 0.1
        if ! running "$pid"; then
            rm -f "$PIDFILE"
            fails "FAILED TO START" "The end of $OUT:
$(tail -n 20 "$OUT")"
        fi
    done
    echo STARTED
}

stop() {
    echo -n "Stopping zookeeper ... "
    if [ ! -f "$PIDFILE" ]; then
        echo "no zookeeper to stop (could not find file $PIDFILE)"
        return
    fi
    pid="$(cat "$PIDFILE")"
    kill "$pid"
    rm "$PIDFILE"
    # A server syncs its log before it ends, which may take a slow disk a while.
    for _ in {1..100}; do
        running "$pid" || break
        sleep 0.1
    done
    echo STOPPED
}

case "$1" in
start)
    start
    ;;
start-foreground)
    # Whoever signals the pid of this script means the server.
    if [ -z "$ZOO_NOEXEC" ]; then
        exec "${SERVER[@]}"
    fi
    "${SERVER[@]}"
    ;;
stop)
    stop
    exit 0
    ;;
restart)
    stop
    start
    ;;
status)
    "$PADDOCK" status "$ZOOCFG"
    ;;
version)
    "$PADDOCK" version --compat
    ;;
print-cmd)
    for flags in SERVER_JVMFLAGS JVMFLAGS; do
        [ -z "${!flags}" ] || printf '%s=%q ' "$flags" "${!flags}"
    done
    printf '%q ' "${SERVER[@]}"
    printf '> %q 2>&1 < /dev/null\n' "$OUT"
    ;;
print-classpath)
    echo "$ZOOCFGDIR" # Java would need more; Paddock needs nothing
    ;;
*)
    echo "Usage: $0 [--config <conf-dir>] {start|start-foreground|stop|version|restart|status|print-cmd}" >&2
    ;;
esac
