package shell

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/zk"
)

var quotaCommands = []*command{
	{name: "listquota", usage: "path", least: 2, run: listQuota},
	{
		name: "setquota", usage: "-n|-b|-N|-B val path", least: 2, run: setQuota, options: quotaOptions(true), group: "nbNB",
		choose: "[-n num soft quota, -b bytes soft quota, -N num hard quota, -B bytes hard quota]",
	},
	{name: "delquota", usage: "[-n|-b|-N|-B] path", least: 2, run: deleteQuota, options: quotaOptions(false), group: "nbNB"},
}

func quotaOptions(arg bool) options {
	return options{
		{"B", arg, "bytes hard quota"},
		{"N", arg, "num hard quota"},
		{"b", arg, "bytes soft quota"},
		{"n", arg, "num soft quota"},
	}
}

// quotaKeys are the limits by their flags.
var quotaKeys = map[string]string{"n": "count", "b": "bytes", "N": "countHardLimit", "B": "byteHardLimit"}

// checked is do for a path that has yet to be looked at.
func (s *session) checked(path string, op zk.Op) (zk.Result, error) {
	if err := checkPath(path); err != nil {
		return zk.Result{}, err
	}
	return s.do(op)
}

func (s *session) readQuota(path string) (quota, error) {
	res, err := s.checked(path, zk.GetOp(path))
	if err != nil {
		return nil, err
	}
	return parseQuota(res.Data)
}

func (s *session) exists(path string) (bool, error) {
	_, err := s.checked(path, zk.ExistsOp(path))
	if errors.Is(err, zk.ErrNoNode) {
		return false, nil
	}
	return err == nil, err
}

// createIfMissing creates a znode without data unless it is there.
func (s *session) createIfMissing(path string) error {
	if ok, err := s.exists(path); ok || err != nil {
		return err
	}
	if _, err := s.do(zk.CreateOp(path, nil, zk.Persistent, zk.OpenACL)); !errors.Is(err, zk.ErrNodeExists) {
		return err
	}
	return nil
}

// Source: ListQuotaCommand.exec.
func listQuota(sh *shell, args *arguments) error {
	path := args.words[1]
	sh.complain("absolute path is " + limitPath(path))
	limits, err := sh.session.readQuota(limitPath(path))
	var used quota
	if err == nil {
		used, err = sh.session.readQuota(statPath(path))
	}
	if errors.Is(err, zk.ErrNoNode) {
		sh.complain("quota for " + path + " does not exist.")
		return nil
	}
	if err != nil {
		return err
	}
	sh.println("Output quota for " + path + " " + limits.String())
	sh.println("Output stat for " + path + " " + used.String())
	return nil
}

// Source: SetQuotaCommand.exec.
func setQuota(sh *shell, args *arguments) error {
	path, flag := args.words[1], args.only
	if strings.HasPrefix(path, quotaRoot) {
		sh.complain("cannot set a quota under the path: " + quotaRoot)
		return nil
	}
	isCount, bits := flag == "n" || flag == "N", 64
	if isCount {
		bits = 32
	}
	value, err := strconv.ParseInt(args.flags[flag], 10, bits)
	switch {
	case err != nil:
		sh.complain("NumberFormatException happens when parsing the option value")
		return nil
	case isCount && value <= 0:
		sh.complain("the num quota must be greater than zero")
		return nil
	case value < 0:
		sh.complain("the bytes quota must be greater than or equal to zero")
		return nil
	}
	if err := sh.session.mayHaveQuota(path); err != nil {
		return err
	}
	warning, err := sh.session.storeQuota(path, quotaKeys[flag], value)
	sh.print(warning)
	return err
}

// mayHaveQuota refuses a quota for a znode that is missing, or that has one above or below it.
// Source: SetQuotaCommand.createQuota and its checks.
func (s *session) mayHaveQuota(path string) error {
	if ok, err := s.exists(path); err != nil {
		return err
	} else if !ok {
		return fail(path + " does not exist.")
	}
	if err := checkPath(quotaRoot + path); err != nil {
		return err
	}
	below := ""
	err := s.walk(quotaRoot+path, false, func(at string) {
		if owner, ok := strings.CutSuffix(at, "/"+limitNode); ok && owner != quotaRoot+path && below == "" {
			below = owner
		}
	})
	if err != nil && !errors.Is(err, zk.ErrNoNode) {
		return err
	}
	if below != "" {
		return fail(path + " has a child " + strings.TrimPrefix(below, quotaRoot) + " which has a quota")
	}
	names := strings.Split(path, "/")
	for i := 2; i < len(names); i++ {
		above := strings.Join(names[:i], "/")
		res, err := s.do(zk.ChildrenOp(quotaRoot + above))
		if errors.Is(err, zk.ErrNoNode) || err == nil && len(res.Children) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if slices.Contains(res.Children, limitNode) {
			return fail(path + " has a parent " + above + " which has a quota")
		}
	}
	return nil
}

// storeQuota makes the znodes of a quota or changes them. It returns a warning if more than the limit
// is used already.
func (s *session) storeQuota(path, key string, value int64) (warning string, err error) {
	for _, p := range []string{"/zookeeper", quotaRoot} {
		if err := s.createIfMissing(p); err != nil {
			return "", err
		}
	}
	at := quotaRoot
	for _, name := range strings.Split(path, "/")[1:] {
		at += "/" + name
		if err := s.createIfMissing(at); err != nil {
			return "", err
		}
	}
	there, err := s.exists(limitPath(path))
	if err != nil {
		return "", err
	}
	if !there {
		return s.createQuota(path, quota{"count": -1, "bytes": -1, "countHardLimit": -1, "byteHardLimit": -1, key: value})
	}
	limits, err := s.readQuota(limitPath(path))
	if err != nil {
		return "", err
	}
	limits[key] = value
	used, err := s.readQuota(statPath(path))
	if err != nil {
		return "", err
	}
	_, err = s.do(zk.SetOp(limitPath(path), []byte(limits.String()), zk.AnyVersion))
	return limits.warn(used), err
}

func (s *session) createQuota(path string, limits quota) (warning string, err error) {
	if _, err := s.do(zk.CreateOp(limitPath(path), []byte(limits.String()), zk.Persistent, zk.OpenACL)); err != nil {
		return "", err
	}
	zero := quota{"count": 0, "bytes": 0} // the server puts the true numbers there
	if _, err := s.do(zk.CreateOp(statPath(path), []byte(zero.String()), zk.Persistent, zk.OpenACL)); err != nil {
		return "", err
	}
	used, err := s.readQuota(statPath(path))
	if err != nil {
		return "", err
	}
	return limits.warn(used), nil
}

// deleteQuota removes one limit, or the quota with all that was made for it.
// Source: DelQuotaCommand.exec.
func deleteQuota(sh *shell, args *arguments) error {
	path := args.words[1]
	err := sh.deleteQuota(path, quotaKeys[args.only])
	if errors.Is(err, zk.ErrNoNode) {
		sh.complain("quota for " + path + " does not exist.")
		return nil
	}
	return err
}

func (sh *shell) deleteQuota(path, key string) error {
	s := sh.session
	there, err := s.exists(limitPath(path))
	if err != nil {
		return err
	}
	if !there {
		sh.println("Quota does not exist for " + path)
		return nil
	}
	limits, err := s.readQuota(limitPath(path))
	if err != nil {
		return err
	}
	if key != "" {
		limits[key] = -1
		_, err := s.do(zk.SetOp(limitPath(path), []byte(limits.String()), zk.AnyVersion))
		return err
	}
	res, err := s.do(zk.ChildrenOp(quotaRoot + path))
	if err != nil {
		return err
	}
	for _, name := range res.Children {
		if _, err := s.do(zk.DeleteOp(quotaRoot+path+"/"+name, zk.AnyVersion)); err != nil {
			return err
		}
	}
	return s.trimQuotas(quotaRoot + path)
}

// trimQuotas deletes a znode without children and then those above it that have none left.
// Source: DelQuotaCommand.trimProcQuotas.
func (s *session) trimQuotas(at string) error {
	for at != quotaRoot {
		res, err := s.do(zk.ChildrenOp(at))
		if err != nil || len(res.Children) > 0 {
			return err
		}
		if _, err := s.do(zk.DeleteOp(at, zk.AnyVersion)); err != nil {
			return err
		}
		at = at[:strings.LastIndexByte(at, '/')]
	}
	return nil
}
