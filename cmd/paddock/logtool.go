package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/paddock-io/paddock/proto"
)

// logToolkit prints, repairs and cuts a log as Java's TxnLogToolkit does. Unlike everything else here it reads entries
// whose checksum is wrong, so it goes through the file by itself; package storage describes the format.
type logToolkit struct {
	app
	zone             *time.Location // of the times it prints
	recover, verbose bool
	dump, yes, chop  bool
	zxid             string
}

func (a app) logToolkitCommand() *cobra.Command {
	t := &logToolkit{app: a, zone: time.Local}
	cmd := &cobra.Command{
		Use:   "toolkit FILE",
		Short: "Print a log, mend its checksums or cut it, as ZooKeeper's zkTxnLogToolkit.sh does",
		Long: `Print a log, mend its checksums (into FILE.fixed) or cut it behind a zxid (into FILE.chopped and the zxid), as
ZooKeeper's zkTxnLogToolkit.sh does. The log itself stays as it is. Run it on a copy, or where no server runs.`,
		Example: "  paddock log toolkit data/version-2/log.100000001",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return t.run(args[0]) },
	}
	f := cmd.Flags()
	f.BoolVarP(&t.dump, "dump", "d", false, "print all entries (the default)")
	f.BoolVarP(&t.recover, "recover", "r", false, "write FILE.fixed with new checksums for entries whose own are wrong")
	f.BoolVarP(&t.verbose, "verbose", "v", false, "with -r: print all entries, not just those")
	f.BoolVarP(&t.yes, "yes", "y", false, "with -r: do not ask")
	f.BoolVarP(&t.chop, "chop", "c", false, "write what is up to the zxid of -z")
	f.StringVarP(&t.zxid, "zxid", "z", "", "the last zxid that is left, 0x before a hexadecimal one")
	return cmd
}

func (t *logToolkit) run(file string) error {
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return failed(fmt.Errorf("file doesn't exist or is not readable: %s", file))
	}
	f, err := os.Open(file)
	if err != nil {
		return failed(err)
	}
	defer f.Close()
	log, err := t.open(f)
	switch {
	case err != nil:
		return &exitError{exitInvocation, fmt.Errorf("%s: %w", filepath.Base(file), err)}
	case t.chop && t.zxid != "":
		err = t.chopped(log, file)
	case t.recover:
		err = t.fixed(log, file)
	default:
		err = t.each(log, func(e rawEntry) error { return t.show(e, "") })
	}
	if err != nil {
		return failed(err)
	}
	return nil
}

// rawLog reads a log without believing it.
type rawLog struct {
	header [16]byte
	r      *bufio.Reader
	at     int64 // of the next entry
	left   int64
	count  int
}

// rawEntry is an entry as it lies in the file.
type rawEntry struct {
	at      int64
	crc     uint64
	payload []byte
}

func (e *rawEntry) sound() bool { return e.crc == uint64(adler32.Checksum(e.payload)) }

func (t *logToolkit) open(f *os.File) (*rawLog, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	l := &rawLog{r: bufio.NewReader(f), at: 16, left: info.Size() - 16}
	if _, err := io.ReadFull(l.r, l.header[:]); err != nil || string(l.header[:4]) != "ZKLG" {
		return nil, errors.New("invalid magic number: it is no transaction log")
	}
	fmt.Fprintf(t.out, "ZooKeeper Transactional Log File with dbid %d txnlog format version %d\n",
		int64(binary.BigEndian.Uint64(l.header[8:])), binary.BigEndian.Uint32(l.header[4:]))
	return l, nil
}

// next reads an entry, io.EOF behind the last one. Padding looks like an entry of length zero.
func (l *rawLog) next() (rawEntry, error) {
	var head [12]byte
	if l.left < int64(len(head)) {
		return rawEntry{}, io.EOF
	}
	if _, err := io.ReadFull(l.r, head[:]); err != nil {
		return rawEntry{}, err
	}
	e := rawEntry{at: l.at, crc: binary.BigEndian.Uint64(head[:])}
	n := int64(int32(binary.BigEndian.Uint32(head[8:])))
	if l.left -= int64(len(head)) + n + 1; n == 0 {
		return rawEntry{}, io.EOF
	}
	if n < 0 || l.left < 0 {
		return rawEntry{}, fmt.Errorf("the entry at byte %d cannot be %d bytes long, behind %d txns", l.at, n, l.count)
	}
	e.payload = make([]byte, n+1)
	if _, err := io.ReadFull(l.r, e.payload); err != nil {
		return rawEntry{}, err
	}
	if e.payload[n] != 'B' {
		return rawEntry{}, fmt.Errorf("last transaction was partial: the entry at byte %d, behind %d txns", l.at, l.count)
	}
	e.payload = e.payload[:n]
	l.at += int64(len(head)) + n + 1
	l.count++
	return e, nil
}

// each calls f for every entry.
func (t *logToolkit) each(l *rawLog, f func(rawEntry) error) error {
	for {
		e, err := l.next()
		if errors.Is(err, io.EOF) {
			fmt.Fprintf(t.out, "EOF reached after %d txns.\n", l.count)
			return nil
		}
		if err == nil {
			err = f(e)
		}
		if err != nil {
			return err
		}
	}
}

// show prints an entry, twice if its checksum is wrong, as Java does.
func (t *logToolkit) show(e rawEntry, fate string) error {
	txn, err := proto.DecodeTxn(e.payload)
	if err != nil {
		return fmt.Errorf("the entry at byte %d (checksum right: %v): %w", e.at, e.sound(), err)
	}
	line := t.line(txn)
	if !e.sound() && fate == "" {
		fate = "CRC ERROR"
	}
	if fate != "" {
		fmt.Fprintf(t.out, "%s - %s\n", fate, line)
	}
	if !t.recover || t.verbose {
		fmt.Fprintln(t.out, line)
	}
	return nil
}

func (t *logToolkit) line(txn *proto.Txn) string {
	return fmt.Sprintf("%s session 0x%x cxid 0x%x zxid 0x%x %s %s",
		time.UnixMilli(txn.Time).In(t.zone).Format("1/2/06, 3:04:05 PM MST"),
		uint64(txn.Session), uint64(int64(txn.Cxid)), uint64(txn.Zxid), txn.Type, txnText(txn.Body))
}

// create makes a file beside a log, which must not be there.
func (t *logToolkit) create(path string, l *rawLog, write func(io.Writer) error) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("recovery file %s already exists", path)
	}
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	_, err = w.Write(l.header[:])
	if err == nil {
		err = write(w)
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func writeEntry(w io.Writer, e rawEntry) error {
	b := binary.BigEndian.AppendUint64(nil, e.crc)
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.payload)))
	_, err := w.Write(append(append(b, e.payload...), 'B'))
	return err
}

// fixed writes FILE.fixed.
func (t *logToolkit) fixed(l *rawLog, file string) error {
	count, answers := 0, bufio.NewScanner(t.in)
	err := t.create(file+".fixed", l, func(w io.Writer) error {
		return t.each(l, func(e rawEntry) error {
			fate := ""
			if !e.sound() && t.yes {
				fate = "CRC FIXED"
			}
			if err := t.show(e, fate); err != nil {
				return err
			}
			if !e.sound() {
				fix, err := t.agreed(answers)
				if err != nil {
					return err
				}
				if fix {
					e.crc = uint64(adler32.Checksum(e.payload))
					count++
				}
			}
			return writeEntry(w, e)
		})
	})
	if err == nil {
		fmt.Fprintf(t.out, "Recovery file %s.fixed has been written with %d fixed CRC error(s)\n", file, count)
	}
	return err
}

// agreed asks whether a checksum is to be put right.
func (t *logToolkit) agreed(answers *bufio.Scanner) (bool, error) {
	for !t.yes {
		fmt.Fprint(t.out, "Would you like to fix it (Yes/No/Abort) ? ")
		if !answers.Scan() {
			return false, errors.Join(errors.New("recovery aborted"), answers.Err())
		}
		switch strings.ToUpper(strings.TrimSpace(answers.Text()) + " ")[0] {
		case 'Y':
			return true, nil
		case 'N':
			return false, nil
		case 'A':
			return false, errors.New("recovery aborted")
		}
	}
	return true, nil
}

// chopped writes what is up to a zxid. Java: LogChopper.chop.
func (t *logToolkit) chopped(l *rawLog, file string) error {
	last, err := strconv.ParseInt(t.zxid, 0, 64)
	if err != nil {
		return fmt.Errorf("%q is no zxid", t.zxid)
	}
	return t.create(fmt.Sprintf("%s.chopped%d", file, last), l, func(w io.Writer) error {
		for before := proto.Zxid(-1); ; {
			e, err := l.next()
			if errors.Is(err, io.EOF) {
				return fmt.Errorf("nothing is behind zxid %x: EOF reached after %d txns", last, l.count)
			}
			if err != nil {
				return err
			}
			txn, err := proto.DecodeTxn(e.payload)
			if err == nil && !e.sound() {
				err = errors.New("CRC doesn't match")
			}
			if err != nil {
				return fmt.Errorf("the entry at byte %d: %w", e.at, err)
			}
			if txn.Zxid > proto.Zxid(last) {
				if before != proto.Zxid(last) {
					return fmt.Errorf("this log does not contain zxid %x", last)
				}
				fmt.Fprintf(t.out, "Chopping at %x new log has %d records\n", last, l.count-1)
				return nil
			}
			t.gap(before, txn.Zxid)
			before = txn.Zxid
			if err := writeEntry(w, e); err != nil {
				return err
			}
		}
	})
}

// gap tells of zxids that are missing between two.
func (t *logToolkit) gap(before, z proto.Zxid) {
	switch {
	case before == -1 || z == before+1:
	case z.Epoch() == before.Epoch():
		fmt.Fprintf(t.out, "There is intra-epoch gap between %x and %x\n", int64(before), int64(z))
	case z.Counter() != 1:
		fmt.Fprintf(t.out, "There is inter-epoch gap between %x and %x\n", int64(before), int64(z))
	}
}
