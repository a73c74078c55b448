package config

import (
	"math"
	"slices"
	"testing"
	"time"
)

// TestLimitsOutOfRange is what becomes of values that ZooKeeper warns of, or that make it misbehave.
func TestLimitsOutOfRange(t *testing.T) {
	w := newWorld(t)
	cfg, warnings, problems := w.load(base+"largeRequestThreshold=0\nlargeRequestMaxBytes=-5\nrequest_throttle_max_requests=-1\n"+
		"request_throttle_stall_time=0\nconnection_throttle_fill_time=0\nconnection_throttle_drop_increase=2\n"+
		"connection_throttle_decrease_ratio=-0.5\nconnection_throttle_global_session_weight=3\n"+
		"connection_throttle_local_session_weight=5\nconnection_throttle_renew_session_weight=-1\nlargeRequestThreshold=-1\n", nil)
	if problems != nil {
		t.Fatalf("problems %q", problems)
	}
	want := []string{
		"$/zoo.cfg:6: largeRequestMaxBytes should be a positive number; 104857600 is used",
		"$/zoo.cfg:7: request_throttle_max_requests should be 0 or more; 0 is used",
		"$/zoo.cfg:9: connection_throttle_fill_time should be 1 or more; 1 is used",
		"$/zoo.cfg:10: connection_throttle_drop_increase should be from 0 to 1; 1 is used",
		"$/zoo.cfg:11: connection_throttle_decrease_ratio should be from 0 to 1; 0 is used",
		"$/zoo.cfg:12: zookeeper.connection_throttle_global_session_weight: 3 is less than the weight of a local session; 5 is used",
		"$/zoo.cfg:14: connection_throttle_renew_session_weight should be larger than 0; 2 is used",
		"$/zoo.cfg:15: largeRequestThreshold was already set in line 5; the last one counts",
	}
	if !slices.Equal(warnings, want) {
		t.Errorf("warnings\n%q, want\n%q", warnings, want)
	}
	c := cfg.ConnectionThrottle
	if cfg.LargeRequestThreshold != -1 || cfg.LargeRequestMaxBytes != 100<<20 || cfg.RequestThrottle.MaxRequests != 0 ||
		cfg.RequestThrottle.StallTime != math.MaxInt32*time.Millisecond || c.FillTime != time.Millisecond ||
		c.DropIncrease != 1 || c.DecreaseRatio != 0 || c.GlobalWeight != 5 || c.LocalWeight != 5 || c.RenewWeight != 2 {
		t.Errorf("%+v, %+v, large %d of %d", c, cfg.RequestThrottle, cfg.LargeRequestThreshold, cfg.LargeRequestMaxBytes)
	}
}

func TestLimitsRefused(t *testing.T) {
	for line, want := range map[string]string{
		"nio.sessionlessCnxnTimeout=0":             "$/zoo.cfg:5: nio.sessionlessCnxnTimeout must not be 0",
		"connection_throttle_drop_decrease=little": `$/zoo.cfg:5: connection_throttle_drop_decrease: "little" is not a number`,
		"connection_throttle_decrease_ratio=NaN":   `$/zoo.cfg:5: connection_throttle_decrease_ratio: "NaN" is not a number`,
	} {
		if _, _, problems := newWorld(t).load(base+line+"\n", nil); !slices.Equal(problems, []string{want}) {
			t.Errorf("%s: problems %q, want %q", line, problems, want)
		}
	}
}
