package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// txnText writes a transaction's record as Java's TxnLogToolkit does: some records by their fields, others by
// Record.toString. The operations of a multi are written like others, which Java does since 3.10; 3.9 prints their bytes.
func txnText(body proto.TxnBody) string {
	switch b := body.(type) {
	case *proto.CreateTxn:
		return fmt.Sprintf("%s,%s,%s,%v,%d", b.Path, text(b.Data), acls(b.ACL), b.Ephemeral, b.ParentCversion)
	case *proto.CreateContainerTxn:
		return fmt.Sprintf("%s,%s,%s,%d", b.Path, text(b.Data), acls(b.ACL), b.ParentCversion)
	case *proto.CreateTTLTxn:
		return fmt.Sprintf("%s,%s,%s,%d,%d", b.Path, text(b.Data), acls(b.ACL), b.ParentCversion, b.TTL)
	case *proto.SetDataTxn:
		return fmt.Sprintf("%s,%s,%d", b.Path, text(b.Data), b.Version)
	case *proto.DeleteTxn:
		return csv(b.Path)
	case *proto.SetACLTxn:
		var list []string
		for _, a := range b.ACL {
			list = append(list, fmt.Sprintf("s{%d,s{%s,%s}}", a.Perms, csv(a.ID.Scheme), csv(a.ID.ID)))
		}
		return fmt.Sprintf("%s,v{%s},%d", csv(b.Path), strings.Join(list, ","), b.Version)
	case *proto.CheckVersionTxn:
		return fmt.Sprintf("%s,%d", b.Path, b.Version)
	case *proto.CreateSessionTxn:
		return strconv.Itoa(int(b.Timeout))
	case *proto.CloseSessionTxn:
		if !b.HasPaths {
			return ""
		}
		var list []string
		for _, p := range b.Paths {
			list = append(list, csv(p))
		}
		return "v{" + strings.Join(list, ",") + "}"
	case *proto.ErrorTxn:
		return strconv.Itoa(int(b.Err))
	case *proto.MultiTxn:
		var list []string
		for _, sub := range b.Subs {
			list = append(list, sub.Type.String()+":"+txnText(sub.Body))
		}
		return strings.Join(list, ";")
	}
	return ""
}

func text(data []byte) string { return strings.ToValidUTF8(string(data), "\uFFFD") }

// acls is List<ACL>.toString, in which each ACL ends its line.
func acls(list []proto.ACL) string {
	var parts []string
	for _, a := range list {
		parts = append(parts, fmt.Sprintf("%d,s{%s,%s}\n", a.Perms, csv(a.ID.Scheme), csv(a.ID.ID)))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

var csvEscapes = strings.NewReplacer("\x00", "%00", "\n", "%0A", "\r", "%0D", ",", "%2C", "}", "%7D", "%", "%25")

// csv is a string in Record.toString. Java: Utils.toCSVString.
func csv(s string) string { return "'" + csvEscapes.Replace(s) }
