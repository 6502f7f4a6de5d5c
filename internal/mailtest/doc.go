// Package mailtest is what tests and the demo serve mail with: a real Dovecot, a scripted POP3 server, an
// in-memory IMAP server and a generator of suppliers' letters. No production code imports it.
package mailtest
