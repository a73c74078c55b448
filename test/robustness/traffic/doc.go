// Package traffic is what clients do to an ensemble while a nemesis is at work.
//
// Each client has one session after the other. A session sends bursts of random
// requests without waiting for each other's answers, moves from server to server,
// also with requests under way, and ends: closed, or left to expire. Every request
// is recorded with its outcome. The clients share a handful of znodes, so that
// they meet, and take new ones from time to time, so that what happened to one
// znode can still be checked for linearizability.
package traffic
