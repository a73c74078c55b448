package shell

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/paddock-io/paddock/zk"
)

var writeCommands = []*command{
	{
		name: "create", usage: "[-s] [-e] [-c] [-t ttl] path [data] [acl]", least: 2, run: create,
		options: options{{"c", false, "container"}, {"e", false, "ephemeral"}, {"s", false, "sequential"}, {"t", true, "ttl"}},
	},
	{
		name: "set", usage: "path data [-s] [-v version] [-b]", least: 3, run: set, listed: true,
		options: options{
			{"b", false, "Supply data in base64 format"},
			{"s", false, "Print znode stats additionally"},
			{"v", true, "Set with an expected version"},
		},
	},
	{
		name: "delete", usage: "[-v version] path", least: 2, run: remove,
		options: options{{"v", true, "version"}},
		// Nothing is made of the version of the old form, in ZooKeeper neither.
		old:     "'delete path [version]' has been deprecated. Please use 'delete [-v version] path' instead.",
		rewrite: func(line []string) []string { return line },
	},
	{
		name: "deleteall", usage: "path [-b batch size]", least: 2, run: removeAll,
		options: options{{"b", true, "batch size"}},
	},
}

// maxTTL is the longest time to live, in milliseconds. Source: EphemeralType.TTL.
const maxTTL = 1<<40 - 1

// createFlags finds the kind of znode, and for one with a time to live also that.
// Source: CreateCommand.exec.
func createFlags(args *arguments) (kind zk.CreateFlags, ttl time.Duration, err error) {
	e, s, c, t := args.has("e"), args.has("s"), args.has("c"), args.has("t")
	var ms int64
	if c && (e || s) {
		return 0, 0, fail("-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.")
	}
	if t {
		if ms, err = strconv.ParseInt(args.flags["t"], 10, 64); err != nil {
			return 0, 0, fail("-t argument must be a long value")
		}
	}
	switch {
	case t && e:
		return 0, 0, fail("TTLs cannot be used with Ephemeral znodes")
	case t && c:
		return 0, 0, fail("TTLs cannot be used with Container znodes")
	case t && (ms <= 0 || ms > maxTTL):
		return 0, 0, fail("ttl must be positive and cannot be larger than: " + strconv.Itoa(maxTTL))
	case e && s:
		kind = zk.EphemeralSequential
	case e:
		kind = zk.Ephemeral
	case s && t:
		kind = zk.PersistentSequentialTTL
	case s:
		kind = zk.PersistentSequential
	case c:
		kind = zk.Container
	case t:
		kind = zk.PersistentTTL
	}
	return kind, time.Duration(ms) * time.Millisecond, nil
}

func create(sh *shell, args *arguments) error {
	kind, ttl, err := createFlags(args)
	if err != nil {
		return err
	}
	path := args.words[1]
	var data []byte
	if len(args.words) > 2 {
		data = []byte(args.words[2])
	}
	acl := zk.OpenACL
	if len(args.words) > 3 {
		acl = parseACL(args.words[3], sh.complain)
	}
	checked := path
	if kind.IsSequential() {
		checked += "1" // the counter will follow, so the name itself may be empty
	}
	if err := checkPath(checked); err != nil {
		return err
	}
	if len(acl) == 0 {
		sh.complain(zk.ErrInvalidACL.Error())
		return errNoACL
	}
	op := zk.CreateOp(path, data, kind, acl)
	if ttl > 0 {
		op = zk.CreateTTLOp(path, data, kind, acl, ttl)
	}
	if kind == zk.Ephemeral || kind == zk.EphemeralSequential {
		sh.session.ephemerals = true
	}
	res, err := sh.session.do(op)
	if err != nil {
		if text := createComplaint(err); text != "" {
			sh.complain(text)
		}
		return err
	}
	sh.complain("Created " + res.Path)
	return nil
}

// createComplaint is what create says of some failures, before what every command says. Source: CreateCommand.exec.
func createComplaint(err error) string {
	e := (*zk.Error)(nil)
	if !errors.As(err, &e) {
		return ""
	}
	switch e.Code() {
	case zk.ErrInvalidACL:
		return keeperMessage(e)
	case zk.ErrEphemeralOnLocalSession:
		return "Unable to create ephemeral node on a local session"
	}
	return ""
}

// errNoACL is the answer to an ACL without entries, which Java's client finds before it knows the path.
var errNoACL = fail(phrases[zk.ErrInvalidACL] + "null")

// version returns the value of -v.
func (a *arguments) version() (int32, error) {
	if !a.has("v") {
		return zk.AnyVersion, nil
	}
	v, err := strconv.ParseInt(a.flags["v"], 10, 32)
	if err != nil {
		return 0, fail("-v argument must be an int value")
	}
	return int32(v), nil
}

// Source: SetCommand.exec.
func set(sh *shell, args *arguments) error {
	path, data := args.words[1], []byte(args.words[2])
	if args.has("b") {
		var err error
		if data, err = decodeBase64(args.words[2]); err != nil {
			return fail("-b needs data in base64: " + err.Error())
		}
	}
	version, err := args.version()
	if err != nil {
		return err
	}
	if err := checkPath(path); err != nil {
		return err
	}
	res, err := sh.session.do(zk.SetOp(path, data, version))
	if err != nil {
		return err
	}
	if args.has("s") {
		sh.print(formatStat(res.Stat))
	}
	return nil
}

// decodeBase64 does not insist on the padding, like java.util.Base64.
func decodeBase64(s string) ([]byte, error) {
	if len(s)%4 != 0 && !strings.Contains(s, "=") {
		return base64.RawStdEncoding.DecodeString(s)
	}
	return base64.StdEncoding.DecodeString(s)
}

// Source: DeleteCommand.exec.
func remove(sh *shell, args *arguments) error {
	version, err := args.version()
	if err != nil {
		return err
	}
	if err := checkPath(args.words[1]); err != nil {
		return err
	}
	_, err = sh.session.do(zk.DeleteOp(args.words[1], version))
	return err
}

// defaultBatch is how many znodes deleteall deletes in one multi.
const defaultBatch = 1000

// Source: DeleteAllCommand.exec, ZKUtil.deleteRecursive.
func removeAll(sh *shell, args *arguments) error {
	batch := int64(defaultBatch)
	if args.has("b") {
		var err error
		if batch, err = strconv.ParseInt(args.flags["b"], 10, 32); err != nil {
			return fail("-b argument must be an int value")
		}
	}
	path := args.words[1]
	if err := checkPath(path); err != nil {
		return err
	}
	paths, err := sh.session.subtree(path)
	if err != nil {
		return err
	}
	if batch > 0 {
		if !sh.session.deleteBatches(paths, int(batch)) {
			sh.complain("Failed to delete some node(s) in the subtree!")
		}
		return nil
	}
	for i := len(paths) - 1; i >= 0; i-- {
		if _, err := sh.session.do(zk.DeleteOp(paths[i], zk.AnyVersion)); err != nil {
			return err
		}
	}
	return nil
}

// subtree returns the paths at and below path, parents before children.
func (s *session) subtree(path string) ([]string, error) {
	paths := []string{path}
	for i := 0; i < len(paths); i++ {
		res, err := s.do(zk.ChildrenOp(paths[i]))
		if err != nil {
			return nil, err
		}
		for _, name := range res.Children {
			paths = append(paths, join(paths[i], name))
		}
	}
	return paths, nil
}

// batchesUnderWay is how many multis of a deleteall are sent before the first is answered.
const batchesUnderWay = 10

// deleteBatches deletes the last path first, each batch whole or not at all, and stops at a batch that
// fails. It reports whether everything is gone.
func (s *session) deleteBatches(paths []string, batch int) bool {
	var failed atomic.Bool
	slots := make(chan struct{}, batchesUnderWay)
	for end := len(paths); end > 0 && !failed.Load(); end -= batch {
		var ops []zk.Op
		for i := end - 1; i >= max(0, end-batch); i-- {
			ops = append(ops, zk.DeleteOp(paths[i], zk.AnyVersion))
		}
		slots <- struct{}{}
		err := s.conn.Go(zk.MultiOp(ops...), func(res zk.Result) {
			if res.Err != nil {
				failed.Store(true)
			}
			<-slots
		})
		if err != nil {
			failed.Store(true)
			<-slots
		}
	}
	for range batchesUnderWay {
		slots <- struct{}{}
	}
	return !failed.Load()
}
