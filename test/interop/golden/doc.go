// Package golden holds conversations with a client port as programs: the capture runs them against a
// Java server and keeps what passed, a test runs them against Paddock and compares.
//
//	Case ──requests──► server          Transcript of Java 3.9, in proto/testdata/java
//	  └──► Transcript                        │
//	           └───────── Compare ───────────┘
//
// The encoder and the splitter know no more of the protocol than the cases need, and share nothing with
// Paddock's own codecs.
package golden
