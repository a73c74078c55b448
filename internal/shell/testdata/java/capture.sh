#!/bin/sh
# Records what Java's zkCli prints, for shell's tests: every command of oneshot.txt, one after the
# other against one fresh standalone server, into oneshot.golden, and every piped-*.txt typed into
# a shell of its own, with a pause after each line so that watch events come before what follows,
# into piped-*.golden. Standard output and errors are kept apart. Log lines are switched off, and
# jline is left out of the class path so that the shell reads plain lines.
#
#   capture.sh [script...]   all, or only the named .txt files; needs java, python3 and the jars
#                            that test/peers/install.sh fetches
set -eu
cd "$(dirname "$0")"
jars=$(sh ../../../../test/peers/install.sh --dir)/zookeeper-3.9.5/lib
export TZ=UTC LC_ALL=C.UTF-8

work=$(mktemp -d)
server=
stop() { [ -z "$server" ] || { kill "$server" && wait "$server" || true; } 2>/dev/null; server=; }
trap 'stop; rm -rf "$work"' EXIT
cat >"$work/logback.xml" <<-XML
	<configuration><root level="OFF"/></configuration>
XML
cp=$work
for jar in "$jars"/*.jar; do
	case $jar in */jline-*) ;; *) cp=$cp:$jar ;; esac
done

start() {
	rm -rf "$work/data"
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	java -cp "$cp" -Xmx128m $1 -Dzookeeper.admin.enableServer=false -Dzookeeper.4lw.commands.whitelist='*' \
		org.apache.zookeeper.server.ZooKeeperServerMain "$port" "$work/data" >"$work/server.out" 2>&1 &
	server=$!
	until cli ls / >/dev/null 2>&1; do :; done
}

cli() {
	java -cp "$cp" -Xshare:auto -XX:TieredStopAtLevel=1 -Dfile.encoding=UTF-8 \
		org.apache.zookeeper.ZooKeeperMain -server "127.0.0.1:$port" "$@"
}

# outcome prints what came out: 1 before a line of standard output, 2 before one of errors.
outcome() {
	code=0
	"$@" >"$work/out" 2>"$work/err" || code=$?
	for f in out:1 err:2; do
		sed "s/127\.0\.0\.1:$port/HOST/g; s/^/${f#*:} /" "$work/${f%:*}"
		[ -z "$(tail -c 1 "$work/${f%:*}")" ] || echo '\ no newline'
	done
	echo "exit $code"
}

type_slowly() {
	sleep 2
	while IFS= read -r line; do
		printf "%s\n" "$line" | sed "s,HOST,127.0.0.1:$port,"
		sleep 0.4
	done <"$1"
}
piped() { type_slowly "$1" | cli; }

note="# Apache ZooKeeper 3.9.5, $(java -version 2>&1 | sed -n 2p), captured by capture.sh"
oneshot() {
	echo "$note"
	while IFS= read -r line; do
		case $line in '#'* | '') continue ;; esac
		echo "\$ $line"
		eval "set -- $line"
		outcome cli "$@" </dev/null
	done <oneshot.txt
}

[ $# -gt 0 ] || set -- oneshot.txt piped-*.txt
for script in "$@"; do
	case $script in
	piped-ttl.txt) start -Dzookeeper.extendedTypesEnabled=true ;;
	*) start '' ;;
	esac
	case $script in
	oneshot.txt) oneshot >oneshot.golden ;;
	*) { echo "$note"; outcome piped "$script"; } >"${script%.txt}.golden" ;;
	esac
	stop
done
