#!/bin/sh
# Installs the real peers that the interop tests talk to: Java ZooKeeper and Curator (through Maven),
# the C client (Debian), kazoo (pip, in a virtual environment; an older one with its tests from Debian).
# Go's client comes through test/interop/go.mod and needs nothing here.
#
#   test/peers/install.sh            install what is missing, then list what is there
#   test/peers/install.sh --suites   and what the whole of the suites of make suites needs
#   test/peers/install.sh --dir      print the directory only
#
# Everything but the Debian packages lands in $PADDOCK_PEERS (default: the user's cache directory).
# Safe to run again at any time, from several places at once; with everything present it takes well
# under a second. Registries are reached through each tool's own configuration.
set -eu

ZOOKEEPER_VERSION=${PADDOCK_ZOOKEEPER_VERSION:-3.9.5}
# Java's client only; install.go knows where they are. 3.4.13 and 3.4.14 resolve no address on Java 14 and later (ZOOKEEPER-3779).
OLD_CLIENTS="3.4.12 3.6.4 3.8.4"
# Servers beside $ZOOKEEPER_VERSION, one or two of each minor version; javaversions.go knows where they are.
SERVERS="3.4.12 3.5.10 3.6.4 3.7.2 3.8.0 3.8.4 3.9.0"
CURATOR_VERSION=5.9.0
KAZOO_VERSION=2.11.0
PEERS=${PADDOCK_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/paddock-peers}
ZOOKEEPER=$PEERS/zookeeper-$ZOOKEEPER_VERSION
CURATOR=$PEERS/curator-$CURATOR_VERSION
KAZOO=$PEERS/kazoo-$KAZOO_VERSION
KAZOO_SUITE=$PEERS/suite-kazoo-$KAZOO_VERSION
OPENSSL='pyopenssl<25' # kazoo's harness makes its certificates with what later ones have dropped

if [ "${1:-}" = --dir ]; then
	echo "$PEERS"
	exit 0
fi

suites=
if [ "${1:-}" = --suites ]; then
	suites=yes
fi

say() { echo "peers: $*" >&2; }
die() { say "$*"; exit 1; }

# --- Debian packages -----------------------------------------------------------------------------

# have_jars: whether Maven has nothing to do.
have_jars() {
	for dir in "$ZOOKEEPER" "$CURATOR" $(printf "$PEERS/java-client-%s " $OLD_CLIENTS) $(printf "$PEERS/java-server-%s " $SERVERS); do
		[ -e "$dir/.done" ] || return 1
	done
}

# missing_packages prints the Debian packages that the tools looked for below would come from.
missing_packages() {
	command -v javac >/dev/null 2>&1 || echo default-jdk-headless
	if ! have_jars; then
		command -v mvn >/dev/null 2>&1 || echo maven
	fi
	command -v gcc >/dev/null 2>&1 || echo gcc libc6-dev
	command -v nc >/dev/null 2>&1 || echo netcat-openbsd
	command -v python3 >/dev/null 2>&1 || echo python3
	if [ ! -e "$KAZOO/.done" ] || [ -n "$suites" ]; then
		python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || echo python3-venv
	fi
	[ -e /usr/include/zookeeper/zookeeper.h ] || echo libzookeeper-mt-dev
	# zookeeper-bin holds only the C programs. The package named zookeeper, which has the init
	# script of the Java server, is never installed: the Java servers here come from Maven.
	[ -x /usr/lib/zookeeper/bin/cli_mt ] || echo zookeeper-bin
	# kazoo's own tests are in Debian's package of it, and run with Debian's Python.
	debian_python kazoo.tests || echo python3-kazoo
	debian_python pytest || echo python3-pytest
	debian_python mock || echo python3-mock
	if [ -n "$suites" ]; then
		# Without these, its tests of a cache cannot be run, and those of other event loops and SASL are skipped.
		debian_python objgraph || echo python3-objgraph
		debian_python gevent || echo python3-gevent
		debian_python eventlet || echo python3-eventlet
		debian_python puresasl || echo python3-pure-sasl
	fi
}

# debian_python MODULE: whether Debian's Python has it.
debian_python() {
	/usr/bin/python3 -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$1') is None)" 2>/dev/null
}

install_packages() {
	packages=$(missing_packages | sort -u | tr '\n' ' ')
	[ -n "$packages" ] || return 0
	command -v apt-get >/dev/null 2>&1 || die "missing and no apt-get to install them: $packages"
	sudo=
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null 2>&1 || die "not root and no sudo; install these: $packages"
		sudo=sudo
	fi
	say "apt-get install $packages"
	$sudo apt-get update -qq >/dev/null
	# shellcheck disable=SC2086 # a list of names
	$sudo env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends $packages >/dev/null
}

# --- jars ----------------------------------------------------------------------------------------

# jars DIR NAME DEPENDENCIES: copies the artifacts of a generated pom and all they need to DIR/lib.
# Versions that are not named are those of $managed, a dependency, if that is not empty.
jars() {
	dir=$1 name=$2 dependencies=$3
	[ -e "$dir/.done" ] && return 0
	say "$name: fetching jars through Maven"
	work=$(mktemp -d "$PEERS/.work-XXXXXX")
	cat >"$work/pom.xml" <<-POM
		<project xmlns="http://maven.apache.org/POM/4.0.0">
		  <modelVersion>4.0.0</modelVersion>
		  <groupId>peers</groupId><artifactId>$name</artifactId><version>1</version>
		  <packaging>pom</packaging>
		  <dependencyManagement><dependencies>$managed</dependencies></dependencyManagement>
		  <dependencies>$dependencies</dependencies>
		</project>
	POM
	attempt=1
	until mvn -q -B -f "$work/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory="$work/lib" >"$work/log" 2>&1; do
		if [ $attempt = 3 ]; then
			cat "$work/log" >&2
			rm -rf "$work"
			die "$name: Maven failed $attempt times"
		fi
		attempt=$((attempt + 1))
	done
	[ -n "${4:-}" ] && "$4" "$work"
	rm -f "$work/log"
	touch "$work/.done"
	# Another run may have been faster; then its result stands.
	mv -T "$work" "$dir" 2>/dev/null || rm -rf "$work"
	[ -e "$dir/.done" ] || die "$name: $dir exists but is not complete; remove it and run again"
}

# dependency GROUP:ARTIFACT[:VERSION] [MORE-XML]
dependency() {
	old=$IFS; IFS=:
	# shellcheck disable=SC2086 # split at the colons
	set -- "${2:-}" $1
	IFS=$old
	echo "<dependency><groupId>$2</groupId><artifactId>$3</artifactId>${4:+<version>$4</version>}$1</dependency>"
}

# zookeeper_conf WORK: a logback configuration that writes to the standard output.
zookeeper_conf() {
	mkdir -p "$1/conf"
	cat >"$1/conf/logback.xml" <<-'XML'
		<configuration>
		  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
		    <encoder><pattern>%d{ISO8601} %-5p [%t] %logger{0} - %m%n</pattern></encoder>
		  </appender>
		  <root level="${zookeeper.root.level:-INFO}"><appender-ref ref="out"/></root>
		</configuration>
	XML
	cat >"$1/conf/logback-client.xml" <<-'XML'
		<configuration>
		  <appender name="err" class="ch.qos.logback.core.ConsoleAppender">
		    <target>System.err</target>
		    <encoder><pattern>%d{ISO8601} %-5p [%t] %logger{0} - %m%n</pattern></encoder>
		  </appender>
		  <root level="WARN"><appender-ref ref="err"/></root>
		</configuration>
	XML
}

# server_conf WORK: zookeeper_conf, and the same for log4j, which 3.4 cannot do without.
server_conf() {
	zookeeper_conf "$1"
	cat >"$1/conf/log4j.properties" <<-'TEXT'
		log4j.rootLogger=INFO, out
		log4j.appender.out=org.apache.log4j.ConsoleAppender
		log4j.appender.out.layout=org.apache.log4j.PatternLayout
		log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %-5p [%t] %c{1} - %m%n
	TEXT
}

# server VERSION: an older server with what its scripts have on the class path. Its own pom names the logging of 3.4
# and 3.8; for those between, which came with log4j, logback writes the log.
server() {
	more=
	if [ "$1" != 3.4.12 ]; then
		more="
			$(dependency ch.qos.logback:logback-classic:1.2.13)
			$(dependency ch.qos.logback:logback-core:1.2.13)
			$(dependency commons-cli:commons-cli:1.5.0)
			$(dependency org.xerial.snappy:snappy-java:1.1.10.5)
			$(dependency io.dropwizard.metrics:metrics-core:4.1.12.1)
			$(dependency com.fasterxml.jackson.core:jackson-databind:2.15.2)"
	fi
	jars "$PEERS/java-server-$1" "java-server-$1" "
		$(dependency org.apache.zookeeper:zookeeper:"$1")$more" server_conf
}

install_java() {
	managed=$(dependency org.apache.zookeeper:parent:"$ZOOKEEPER_VERSION" '<type>pom</type><scope>import</scope>')
	# The server's own pom marks these as provided; its start script has them on the class path.
	jars "$ZOOKEEPER" "zookeeper-$ZOOKEEPER_VERSION" "
		$(dependency org.apache.zookeeper:zookeeper:"$ZOOKEEPER_VERSION")
		$(dependency ch.qos.logback:logback-classic)
		$(dependency commons-cli:commons-cli)
		$(dependency org.jline:jline)
		$(dependency org.xerial.snappy:snappy-java)
		$(dependency io.dropwizard.metrics:metrics-core)
		$(dependency com.fasterxml.jackson.core:jackson-databind)
		$(dependency org.eclipse.jetty:jetty-server)
		$(dependency org.eclipse.jetty:jetty-servlet)" zookeeper_conf
	jars "$CURATOR" "curator-$CURATOR_VERSION" "
		$(dependency org.apache.curator:curator-recipes:$CURATOR_VERSION)"
	managed=
	for version in $OLD_CLIENTS; do
		jars "$PEERS/java-client-$version" "java-client-$version" "
			$(dependency org.apache.zookeeper:zookeeper:"$version")"
	done
	for version in $SERVERS; do
		server "$version"
	done
}

# --- kazoo ---------------------------------------------------------------------------------------

install_kazoo() {
	virtual_environment "$KAZOO" "kazoo==$KAZOO_VERSION"
	[ -z "$suites" ] || virtual_environment "$KAZOO_SUITE" "kazoo[test,sasl]==$KAZOO_VERSION" "$OPENSSL"
}

# virtual_environment DIR REQUIREMENT...: what they ask for, from pip. One cannot be moved once made, so it is built
# in place under a lock.
virtual_environment() {
	[ -e "$1/.done" ] && return 0
	say "$2: virtual environment"
	(
		flock 9
		[ -e "$1/.done" ] && exit 0
		rm -rf "$1"
		python3 -m venv "$1"
		environment=$1
		shift
		"$environment/bin/pip" install --quiet --disable-pip-version-check "$@"
		touch "$environment/.done"
	) 9>"$PEERS/.kazoo.lock"
}

# --- what is there -------------------------------------------------------------------------------

report() {
	cat <<-TEXT
		peers in $PEERS
		  Java ZooKeeper   $ZOOKEEPER_VERSION  ($(ls "$ZOOKEEPER/lib" | wc -l) jars)
		  Java servers     $SERVERS
		  Java clients     $OLD_CLIENTS
		  Curator          $CURATOR_VERSION  ($(ls "$CURATOR/lib" | wc -l) jars)
		  kazoo            $KAZOO_VERSION
		  C client         $(c_version), $(ls /usr/lib/zookeeper/bin/cli_mt)
		  Java             $(java -version 2>&1 | head -n 1)
		  netcat           $(command -v nc)
	TEXT
}

c_version() {
	sed -n 's/^#define ZOO_VERSION "\(.*\)"/\1/p' /usr/include/zookeeper/zookeeper_version.h
}

mkdir -p "$PEERS"
install_packages
install_java
install_kazoo
report
