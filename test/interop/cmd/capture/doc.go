// Command capture records testdata from a real Java ZooKeeper: frames of the client port, frames of the
// quorum and election ports, data directories, and the texts of the four-letter words.
//
//	go run ./cmd/capture [-root REPOSITORY] [-only client,words,files,quorum] [-case NAME]
//
//	own requests ────────────────► Java server        one file per case
//	kazoo, Java, C, Go ──► relay ─► Java server        one file per connection
//	Java learner ────────► relay ─► Java leader        one file per connection
//
// It is run by hand when a new Java version is worth recording. Times, session ids and passwords
// differ from run to run, so tests take them from the file and never know them. Nothing of Paddock's own
// codecs is used: the splitter and the encoder here are small, separate, and as dumb as possible.
//
// # The .frames format
//
// Lines of text: `#` begins a comment, `> ` is what the dialer sent, `< ` what the listener sent, in
// hexadecimal. On the client port a line is one frame with its four bytes of length. On the quorum
// port a line is one packet, and the snapshot that follows a SNAP packet is a line of its own after
// the comment `# snapshot stream`. On the election port the dialer's first line is the initial
// message; every other line is one frame with its length. A close is a comment, `# listener closes` or
// `# dialer closes`.
package main
