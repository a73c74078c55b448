package config

import (
	"cmp"
	"slices"
	"strings"
)

// UnservedProperty names Paddock's one property of its own. With -Dpaddock.unserved=warn what the table refuses is left
// out with a warning instead: a test harness may ask for SASL or a TLS port without ever using them.
const UnservedProperty = "paddock.unserved"

// lenient reports whether UnservedProperty says warn.
func (s settings) lenient() bool { return s.props[UnservedProperty].value == "warn" }

// checkServed names every setting of a feature Paddock does not serve yet: in one warning for each feature, or as a
// problem where the table says so.
func (r *report) checkServed(s settings) {
	lenient := s.lenient()
	waiting := map[string][]setting{} // by feature
	for _, used := range s.used() {
		key, known := find(used.name)
		if !known || used.inert(key) {
			continue
		}
		switch {
		case key.Status == Refused && !lenient:
			r.problem(used, "remove it, run this server with ZooKeeper until Paddock serves it, or insist with -D"+UnservedProperty+"=warn",
				"%s: this version of Paddock does not serve %s, and leaving it out would not be safe", used.name, key.Feature)
		case key.Status == Refused, key.Status == NotYet:
			waiting[key.Feature] = append(waiting[key.Feature], used)
		}
	}
	for _, feature := range sortedKeys(waiting) {
		settings := waiting[feature]
		slices.SortFunc(settings, func(a, b setting) int {
			return cmp.Or(cmp.Compare(uint(a.line-1), uint(b.line-1)), cmp.Compare(a.name, b.name))
		})
		names := make([]string, len(settings))
		for i, used := range settings {
			names[i] = used.name
		}
		r.warn(settings[0], "%s: ignored, this version of Paddock does not serve %s yet", strings.Join(names, ", "), feature)
		r.warnings[len(r.warnings)-1].Unserved = feature
	}
}

// used lists the settings ZooKeeper would act on: keys of zoo.cfg, and properties under the name it reads.
func (s settings) used() []setting {
	var all []setting
	for _, name := range sortedKeys(s.keys) {
		all = append(all, s.keys[name])
	}
	for _, full := range sortedKeys(s.props) {
		name, prefixed := strings.CutPrefix(full, "zookeeper.")
		if key, ok := find(name); ok && (prefixed && key.Place == Either || !prefixed && key.Place == FlagRaw) {
			all = append(all, s.props[full])
		}
	}
	return all
}

// inert reports whether a setting asks for nothing beyond what Paddock does anyway.
func (s setting) inert(k Key) bool {
	switch {
	case s.value == "":
		return true
	case k.onlyTrue:
		return !strings.EqualFold(s.value, "true")
	case k.onlyFalse:
		return strings.EqualFold(s.value, "true")
	case s.name == "metricsProvider.className":
		return slices.Contains(quietMetrics, s.value)
	}
	return false
}

// quietMetrics are providers that publish nothing of their own.
var quietMetrics = []string{
	"org.apache.zookeeper.metrics.impl.DefaultMetricsProvider",
	"org.apache.zookeeper.metrics.impl.NullMetricsProvider",
}
