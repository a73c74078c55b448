package shell

import (
	"errors"

	"github.com/paddock-io/paddock/zk"
)

var aclCommands = []*command{
	{name: "getAcl", usage: "[-s] path", least: 2, run: getACL, options: options{{"s", false, "stats"}}},
	{
		name: "setAcl", usage: "[-s] [-v version] [-R] path acl", least: 3, run: setACL,
		options: options{{"R", false, "recursive"}, {"s", false, "stats"}, {"v", true, "version"}},
	},
	{name: "addauth", usage: "scheme auth", least: 2, run: addAuth},
}

// Source: GetAclCommand.exec.
func getACL(sh *shell, args *arguments) error {
	if err := checkPath(args.words[1]); err != nil {
		return err
	}
	res, err := sh.session.do(zk.GetACLOp(args.words[1]))
	if err != nil {
		return err
	}
	sh.print(formatACL(res.ACL))
	if args.has("s") {
		sh.print(formatStat(res.Stat))
	}
	return nil
}

// Source: SetAclCommand.exec.
func setACL(sh *shell, args *arguments) error {
	path := args.words[1]
	acl := parseACL(args.words[2], sh.complain)
	version, err := args.version()
	if err != nil {
		return err
	}
	if err := checkPath(path); err != nil {
		return err
	}
	if args.has("R") {
		return sh.session.walk(path, false, func(path string) {
			if err := sh.session.setACL(path, acl, version); err != nil {
				sh.print(err.Error()) // without a line break, as ZooKeeper does
			}
		})
	}
	if len(acl) == 0 {
		return errNoACL
	}
	res, err := sh.session.do(zk.SetACLOp(path, acl, version))
	if err != nil {
		return err
	}
	if args.has("s") {
		sh.print(formatStat(res.Stat))
	}
	return nil
}

// setACL replaces one ACL of many; its error has the text of Java's exception.
func (s *session) setACL(path string, acl []zk.ACL, version int32) error {
	if len(acl) == 0 {
		return fail(zk.ErrInvalidACL.Error())
	}
	_, err := s.do(zk.SetACLOp(path, acl, version))
	if e := (*zk.Error)(nil); errors.As(err, &e) {
		return fail(keeperMessage(e))
	}
	return err
}

// addAuth does not tell what became of the credential: a refusal ends the session, which says so.
// Source: AddAuthCommand.exec.
func addAuth(sh *shell, args *arguments) error {
	var data []byte
	if len(args.words) > 2 {
		data = []byte(args.words[2])
	}
	sh.session.addAuth(args.words[1], data)
	return nil
}
