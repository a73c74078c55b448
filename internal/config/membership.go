package config

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/paddock-io/paddock/internal/ensemble"
)

// maxServerID is the largest id that fits the byte session ids have for it.
const maxServerID = 255

// membership reads server lines and myid and decides whether this server is alone.
// Java: QuorumPeerConfig.setupQuorumPeerConfig.
func (l *loader) membership() {
	lines, file := l.members, l.cfg.File
	if l.cfg.DynamicConfigFile != "" {
		lines, file = l.dynamic(), l.cfg.DynamicConfigFile
	}
	e, problems := ensemble.FromProperties(lines)
	for _, p := range problems {
		l.problem(setting{file: file, line: p.Property.Line}, memberFix(p.Property.Key), "%s=%s: %v", p.Property.Key, p.Property.Value, p.Err)
	}
	at := func(id int64) setting { return setting{file: file, line: lineOf(lines, id)} }
	l.checkMembers(e, at)
	if err := e.CheckRoles(l.cfg.StandaloneEnabled); err != nil && len(problems) == 0 {
		l.problem(setting{file: file}, "list at least two participants, or one with standaloneEnabled=false", "%v", err)
	}
	l.cfg.Ensemble = e
	l.lastSeen()
	l.cfg.Standalone = l.cfg.StandaloneEnabled && len(e.Voters())+len(problems) < 2
	l.myID(e)
	l.sessionIDs()
	l.ownClient(e, at)
	if l.cfg.Standalone {
		l.alone()
	} else {
		l.distributed()
	}
	if l.cfg.ClientPort < 0 && l.keys["clientPort"].value == "" {
		l.warn(setting{file: l.cfg.File}, "clientPort is not set; no client can connect to this server")
	}
}

func memberFix(key string) string {
	switch {
	case strings.HasPrefix(key, "server."):
		return "write server.N=host:quorumPort:electionPort, with N from 0 to 255, for example server.1=zk1:2888:3888"
	case strings.HasPrefix(key, "group"):
		return "write group.N=id:id:id, each server in one group"
	case strings.HasPrefix(key, "weight"):
		return "write weight.N=number for the server N"
	}
	return "keep only server, group and weight lines in this file"
}

// lineOf returns the line server id is defined in.
func lineOf(lines []ensemble.Property, id int64) int {
	for _, p := range lines {
		if n, err := strconv.ParseInt(strings.TrimPrefix(p.Key, "server."), 10, 64); err == nil && n == id {
			return p.Line
		}
	}
	return 0
}

// dynamic reads the membership from the file dynamicConfigFile names. Its version is the hex number its name ends in.
// Java: QuorumPeerConfig.parse and getVersionFromFilename.
func (l *loader) dynamic() []ensemble.Property {
	for _, p := range l.members {
		l.problem(setting{file: l.cfg.File, line: p.Line}, "move it to "+l.cfg.DynamicConfigFile,
			"parameter: %s must be in a separate dynamic config file", p.Key)
	}
	path := l.cfg.DynamicConfigFile
	lines := l.readProperties(path)
	kept := lines[:0]
	for _, p := range lines {
		if p.Key == "version" {
			l.problem(setting{file: path, line: p.Line}, "remove the line; the version is the end of the file's name",
				"dynamic file shouldn't have version inside")
			continue
		}
		kept = append(kept, p)
	}
	suffix := path[strings.LastIndexByte(path, '.')+1:]
	if v, err := strconv.ParseInt(suffix, 16, 64); err == nil && v > 0 && suffix != path {
		kept = append(kept, ensemble.Property{Key: "version", Value: strconv.FormatInt(v, 16)})
	}
	return kept
}

// checkMembers holds the members against what this server can do, line by line.
func (l *loader) checkMembers(e ensemble.Ensemble, at func(int64) setting) {
	for _, m := range e.Members {
		if m.ID > maxServerID {
			l.problem(at(m.ID), "number the servers from 0 to 255", "server.%d: the id does not fit into a session id", m.ID)
		}
		if len(m.QuorumAddrs) > 1 && !l.cfg.MultiAddress {
			l.problem(at(m.ID), "name one address, or set multiAddress.enabled=true on every server", "Multiple address feature is disabled, but multiple addresses were specified for sid %d", m.ID)
		}
	}
	for _, c := range e.Conflicts() {
		if c.Addr.Loopback() {
			l.warn(at(c.Other), "%v; on one machine only one of them can listen there", c)
		} else {
			l.problem(at(c.Other), "give every server ports or a host of its own", "%v", c)
		}
	}
}

// myID reads the first line of dataDir/myid, where there is such a file. Java: QuorumPeerConfig.setupMyId.
func (l *loader) myID(e ensemble.Ensemble) {
	l.cfg.MyID = -1
	if l.cfg.DataDir == "" {
		return
	}
	path := filepath.Join(l.cfg.DataDir, "myid")
	file := setting{file: path}
	fix := "write the number of this server into it" + oneOf(e) + ", and nothing else"
	text, err := firstLine(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if !l.cfg.Standalone {
			l.problem(file, fix, "myid file is missing")
		}
		return
	case err != nil:
		l.problem(file, fix, "myid file cannot be read, %v", err)
		return
	}
	id, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		l.problem(file, fix, "serverid %s is not a number", shown(text))
		return
	case id < 0 || id > maxServerID:
		l.problem(file, fix, "serverid %d is out of range, ids go from 0 to %d", id, maxServerID)
		return
	}
	l.cfg.MyID = id
	if _, ok := e.Member(id); !ok && !l.cfg.Standalone {
		at := cmp.Or(l.cfg.DynamicConfigFile, l.cfg.File)
		l.problem(file, fix+"; or add a line server."+text+"=... to "+at, "My id %d not in the peer list", id)
	}
}

// firstLine reads what Java's BufferedReader.readLine would, of at most some bytes, without blanks around it.
func firstLine(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return "", os.ErrNotExist // dataDir itself is a file; CheckDirs says so
	case err != nil:
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", os.ErrNotExist // as Java, which asks for isFile
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, 128)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return javaTrim(line), nil
}

// shown quotes what somebody put into myid; Java prints the null it read from an empty file.
func shown(text string) string {
	if text == "" {
		return "null"
	}
	return strconv.Quote(text)
}

// oneOf lists the ids to choose from.
func oneOf(e ensemble.Ensemble) string {
	if len(e.Members) == 0 || len(e.Members) > 20 {
		return ""
	}
	ids := make([]string, len(e.Members))
	for i, m := range e.Members {
		ids[i] = strconv.FormatInt(m.ID, 10)
	}
	return ", one of " + strings.Join(ids, ", ")
}

// ownClient settles where this server's clients connect, from its own server line or from clientPort, which must not
// contradict each other. Java: QuorumPeerConfig.setupClientPort.
func (l *loader) ownClient(e ensemble.Ensemble, at func(int64) setting) {
	c := l.cfg
	m, ok := e.Member(c.MyID)
	if !ok && c.Standalone && len(e.Members) == 1 {
		m, ok = e.Members[0], true // alone, the only line is about this server
	}
	if !ok {
		return
	}
	static := ensemble.Addr{Host: c.ClientPortAddress, Port: c.ClientPort}
	if static.Host == "" {
		static.Host = "0.0.0.0"
	}
	switch {
	case !m.HasClientAddr && c.ClientPort >= 0:
		c.Ensemble = e.WithStaticClient(m.ID, static)
	case m.HasClientAddr && c.ClientPort >= 0 && contradicts(static, m.ClientAddr):
		l.problem(at(m.ID), "remove clientPort and clientPortAddress, or make them agree with the server line",
			"client address for this server (id = %d) in static config file is %v is different from client address found in dynamic file: %v",
			m.ID, static, m.ClientAddr)
	case m.HasClientAddr:
		c.ClientPort, c.ClientPortAddress = m.ClientAddr.Port, m.ClientAddr.Host
		if m.ClientAddr.Wildcard() {
			c.ClientPortAddress = ""
		}
	}
	for _, a := range append(m.QuorumAddrs, m.ElectionAddrs...) {
		if a.Port == c.ClientPort && !c.Standalone {
			l.problem(at(m.ID), "give clients and servers different ports",
				"server.%d: port %d is both the client port and a quorum or election port", m.ID, a.Port)
		}
		if a.Port == c.Peers.ObserverMasterPort && m.Role == ensemble.Participant && !c.Standalone {
			l.problem(l.keys["observerMasterPort"], "give observers a port of their own",
				"observerMasterPort: %d is a quorum or election port of server.%d", a.Port, m.ID)
		}
	}
}

// contradicts reports whether a static client address cannot be the one of the server line. Names are not resolved:
// two different hosts contradict each other only when both are literals.
func contradicts(static, shared ensemble.Addr) bool {
	if static.Port != shared.Port {
		return true
	}
	return !static.Wildcard() && !strings.EqualFold(static.Host, shared.Host) && literal(static.Host) && literal(shared.Host)
}

func literal(host string) bool {
	return strings.Contains(host, ":") || strings.Trim(host, "0123456789.") == ""
}

// alone completes the configuration of a standalone server.
func (l *loader) alone() {
	c := l.cfg
	if len(c.Ensemble.Members) > 0 {
		l.warn(setting{file: c.File}, "Invalid configuration, only one server specified (ignoring); this server runs standalone")
	}
	c.Standalone, c.MyID, c.Ensemble, c.PeerType = true, 0, ensemble.Single(0), ensemble.Participant
}

// distributed checks what an ensemble needs. Java: QuorumPeerConfig.checkValidity, setupPeerType, parseDynamicConfig.
func (l *loader) distributed() {
	c := l.cfg
	l.limit("initLimit", 10, c.InitLimit)
	l.limit("syncLimit", 5, c.SyncLimit)
	switch voters := len(c.Ensemble.Voters()); {
	case voters <= 2:
		l.warn(setting{file: c.File}, "No server failure will be tolerated. You need at least 3 servers.")
	case voters%2 == 0:
		l.warn(setting{file: c.File}, "Non-optimal configuration, consider an odd number of servers.")
	}
	if s, ok := l.keys["oraclePath"]; ok && s.value != "" && (len(c.Ensemble.Voters()) != 2 || c.Ensemble.Hierarchical()) {
		l.warn(s, "oraclePath: the oracle is asked only where two servers vote, without groups")
	}
	m, ok := c.Ensemble.Member(c.MyID)
	if s, asked := l.keys["peerType"]; ok && asked && c.PeerType != m.Role {
		l.warn(s, "Peer type from servers list (%s) doesn't match peerType (%s). Defaulting to servers list.",
			strings.ToUpper(m.Role.String()), strings.ToUpper(c.PeerType.String()))
	}
	c.PeerType = m.Role
}

// limit refuses a missing number of ticks; one that could not be read has been reported already.
func (l *loader) limit(key string, example, ticks int) {
	s, ok := l.keys[key]
	if n, err := strconv.Atoi(s.value); ticks == 0 && (!ok || err == nil && n == 0) {
		s.file = l.cfg.File
		l.problem(s, fmt.Sprintf("give a number of ticks, for example %s=%d", key, example), "%s is not set", key)
	}
}
