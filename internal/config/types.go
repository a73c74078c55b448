package config

import (
	"math"
	"time"
)

// znodeTypes reads what concerns quotas, containers and znodes with a time to live. Java: ZooKeeperServer, EphemeralType,
// LeaderZooKeeperServer.setupContainerManager.
func (l *loader) znodeTypes() {
	c := l.cfg
	c.EnforceQuota = l.propBool("zookeeper.enforceQuota", false)
	c.ExtendedTypes = l.propBool("zookeeper.extendedTypesEnabled", false)
	if c.Emulate353TTL = l.propBool("zookeeper.emulate353TTLNodes", false); c.Emulate353TTL && !c.ExtendedTypes {
		l.warn(l.props["zookeeper.emulate353TTLNodes"], "emulate353TTLNodes has no effect without extendedTypesEnabled=true")
		c.Emulate353TTL = false
	}
	c.ContainerCheckInterval = l.propMillis("znode.container.checkIntervalMs", 60000, 1)
	c.ContainerMaxPerMinute = l.propInt("znode.container.maxPerMinute", 10000, 0)
	ms := l.propNumber("znode.container.maxNeverUsedIntervalMs", 0, 0, math.MaxInt64/int64(time.Millisecond))
	c.ContainerMaxNeverUsed = time.Duration(ms) * time.Millisecond
}

// Largest server ids with extended types: a session id begins with its server's id, and must not look like the owner
// of a znode with a time to live. What 3.5.3 stored is any negative number. Java: EphemeralType.validateServerId, for
// the first.
const (
	maxExtendedID = 254
	maxEmulateID  = 127
)

// sessionIDs checks that the ids of this server's sessions can be told from the owners of znodes with a time to live.
func (l *loader) sessionIDs() {
	c := l.cfg
	switch {
	case c.Standalone: // whose sessions are those of server 1
	case c.ExtendedTypes && c.MyID > maxExtendedID:
		l.problem(l.props["zookeeper.extendedTypesEnabled"], "give the server a smaller id",
			"extendedTypesEnabled is true but Server ID is too large. Cannot be larger than %d", maxExtendedID)
	case c.Emulate353TTL && c.MyID > maxEmulateID:
		l.problem(l.props["zookeeper.emulate353TTLNodes"], "give the server a smaller id, or remove the setting once no such znode is left",
			"emulate353TTLNodes is true but Server ID is too large. Cannot be larger than %d, or its ephemerals would be taken for znodes with a time to live", maxEmulateID)
	}
}
