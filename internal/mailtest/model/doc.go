// Package model tests the life of a message: schedules of arriving mail, passes, lies, faults, deaths, other people and
// an importer, drawn from a seed, drive the real poll, journal, save, retain and mailbox rooms against servers that
// speak POP3 and IMAP in memory. What must hold (the promises of pricefetch) is reckoned from the schedule and from the
// servers' own bookkeeping, never from the code under test; where the journal gives a reason why something was not
// imported, the reason is held against what the model knows.
package model
