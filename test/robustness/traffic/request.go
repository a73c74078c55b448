package traffic

import (
	"errors"
	"fmt"

	"github.com/paddock-io/paddock/test/robustness/history"
	"github.com/paddock-io/paddock/zk"
)

// send hands over one request. What was not handed over has not happened and is
// not recorded.
func (c *client) send(op zk.Op, rec history.Record, then func(*history.Record, zk.Result)) {
	rec.Client, rec.Session, rec.Submit = c.id, c.session, c.nextSubmit()
	rec.Server = int(c.server.Load())
	if rec.Call == 0 {
		rec.Call = c.rec.Now()
	}
	c.flying.Add(1)
	err := c.conn.Go(op, func(res zk.Result) {
		defer c.flying.Done()
		rec.Return, rec.Arrive = c.rec.Now(), c.nextArrive()
		settle(&rec, res)
		if then != nil {
			then(&rec, res)
		}
		c.rec.Add(rec)
		c.world.note(&rec)
	})
	if err != nil {
		c.flying.Done()
	}
}

// settle says what the client knows of a request.
func settle(rec *history.Record, res zk.Result) {
	rec.Zxid = int64(res.Zxid)
	var e *zk.Error
	switch {
	case res.Err == nil:
		rec.Outcome = history.OK
	case errors.As(res.Err, &e) && e.Code() != 0 && e.Code() != zk.ErrConnectionLoss && rec.Zxid != 0:
		rec.Outcome, rec.Err = history.Failed, e.Code().Name()
	default:
		rec.Outcome = history.Unknown
	}
	if rec.Kind == history.Multi {
		for i := range res.Results {
			r := &res.Results[i]
			rec.Parts[i].Name = r.Path
			if errors.As(r.Err, &e) {
				rec.Parts[i].Err, rec.Parts[i].Name = e.Code().Name(), ""
			} else if rec.Parts[i].Kind == history.Set && rec.Outcome == history.OK {
				rec.Parts[i].Stat = stat(r.Stat)
			}
		}
		return
	}
	if rec.Outcome != history.OK {
		return
	}
	switch rec.Kind {
	case history.Create:
		rec.Name, rec.Stat = res.Path, stat(res.Stat)
	case history.Get:
		rec.Data, rec.Stat = string(res.Data), stat(res.Stat)
	case history.Set, history.Exists:
		rec.Stat = stat(res.Stat)
	case history.Children:
		rec.Children = res.Children
	}
}

func stat(s zk.Stat) *history.Stat {
	return &history.Stat{
		Czxid: int64(s.Czxid), Mzxid: int64(s.Mzxid), Pzxid: int64(s.Pzxid),
		Version: s.Version, Cvers: s.Cversion, Owner: history.Session(s.EphemeralOwner),
	}
}

// value returns data that nobody else writes.
func (c *client) value() string { return fmt.Sprintf("c%d-%d", c.id, c.submits+1) }

// see remembers a version, to be expected by later requests.
func (c *client) see(rec *history.Record, _ zk.Result) {
	if rec.Stat != nil && rec.Name+rec.Path != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.versions[rec.Path] = rec.Stat.Version
	}
}

// expected returns a version to expect of a znode: any, or the last one seen.
func (c *client) expected(path string) int32 {
	if c.rng.IntN(2) == 0 {
		return zk.AnyVersion
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.versions[path]
}
