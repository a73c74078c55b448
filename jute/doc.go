// Package jute encodes and decodes the primitives of ZooKeeper's record format.
//
//	int      4 bytes, big-endian two's complement
//	long     8 bytes, big-endian two's complement
//	boolean  1 byte; written 0 or 1, read as "not zero"
//	ustring  int length + UTF-8 bytes; length -1 is null
//	buffer   int length + bytes; length -1 is null, and null differs from empty
//	vector   int count + elements; count -1 is null
//
// A record is the plain concatenation of its fields: no tags, no length, no
// padding. Writing is by append functions; reading is by a [Decoder] whose
// first error sticks, so that a record is decoded in one straight run and
// checked once.
//
// Source: org.apache.jute.BinaryInputArchive, org.apache.jute.BinaryOutputArchive.
package jute
