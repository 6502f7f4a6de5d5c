package mail

import (
	"errors"
	"fmt"
	"time"
)

// Class sorts errors by what they mean for the schedule and for the message (semantics 5).
type Class int

const (
	Temporary Class = iota // network, server busy, and everything unknown: tried again, never leads to a deletion
	Auth                   // the server refused the credentials, or they could not be had
	Message                // this message alone
	Storage                // our own disk: nothing is fetched, nothing deleted, no message is blamed
)

// String names the class as logs, the journal and the status command show it.
func (c Class) String() string {
	switch c {
	case Auth:
		return "auth"
	case Message:
		return "message"
	case Storage:
		return "storage"
	default:
		return "temporary"
	}
}

// Error gives an error its class and, where the server stated one, the delay before the next try.
type Error struct {
	Class Class
	After time.Duration // stated by the server (LOGIN-DELAY, "Suggested Backoff Time"); 0: not stated
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// OddAnswer is the error of Envelopes where the server gave no usable answer for some of the messages asked for. What it
// did answer before was handed over. Its class is Temporary. Who gets it should not ask for all of Refs again: with
// Proven each of them is to blame; otherwise, in a new session, for the first one alone and then for the rest.
type OddAnswer struct {
	Refs   []Ref // not answered, the likeliest culprit first
	Proven bool  // each was asked for alone
	Cut    bool  // the connection broke without an answer to read, which may be chance
	Err    error
}

func (e *OddAnswer) Error() string { return e.Err.Error() }
func (e *OddAnswer) Unwrap() error { return e.Err }

// Errorf makes an error of the given class; the format takes %w.
func Errorf(c Class, format string, args ...any) error {
	return &Error{Class: c, Err: fmt.Errorf(format, args...)}
}

// ClassOf tells the class of err. What carries no class is Temporary.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Temporary
}

// AfterOf tells the delay that the server asked for; 0 if none.
func AfterOf(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.After
	}
	return 0
}

var (
	// ErrDamaged: the content of one part cannot be decoded to its end. The part is not imported.
	ErrDamaged = errors.New("content is damaged")
	// ErrTooLarge: a stated limit was passed.
	ErrTooLarge = errors.New("larger than the limit")
	// ErrNoRecord: the journal knows no record under that id.
	ErrNoRecord = errors.New("no such record")
	// ErrNameTaken: another message's pending intent has reserved this final name.
	ErrNameTaken = errors.New("name is taken")
	// ErrStagedLost: a journalled staged file is damaged, or was staged in an import directory that is no longer the
	// journal's. It will never be published: the intent must be given up and the message fetched again.
	ErrStagedLost = errors.New("staged file is lost")
	// ErrStopping ends a pass between two messages because the daemon stops.
	ErrStopping = errors.New("stopping")
)
