// Package mail is the vocabulary of pricefetch: every type that crosses the port between a poll pass and
// a mail session, the journal's records, and the classes of errors. It does no I/O and imports no other room.
package mail
