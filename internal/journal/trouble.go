package journal

import (
	"errors"
	"fmt"

	"pricefetch/internal/mail"

	sqlite3 "modernc.org/sqlite/lib"
)

// ErrUnusable means that the journal is damaged, or of another or a newer program: until a person acts it will be no
// better, and nothing may be fetched or deleted.
var ErrUnusable = errors.New("journal cannot be used")

// remedy is what can be done about a journal that cannot be used, and what the easy way out costs.
const remedy = "; restore a backup of it, or move it and its -wal and -shm files away: the next start then makes a new " +
	"journal and treats every mailbox like its first poll (mail older than first_run stays unimported, newer mail is " +
	"imported even if it was before, and a large deletion waits for approve)"

// unusableError is an ErrUnusable in its own words.
type unusableError struct{ error }

func (e unusableError) Unwrap() error        { return e.error }
func (e unusableError) Is(target error) bool { return target == ErrUnusable }

func unusable(format string, args ...any) error {
	return storage(unusableError{fmt.Errorf(format, args...)})
}

// storage gives err, which may be nil, the class of our own disk's trouble.
func storage(err error) error {
	if err == nil {
		return nil
	}
	return mail.Errorf(mail.Storage, "%w", err)
}

// damaged reports whether SQLite's result code says that the file is not what it was.
func damaged(code int) bool {
	return code&0xff == sqlite3.SQLITE_CORRUPT || code&0xff == sqlite3.SQLITE_NOTADB
}

// advice says what to do about SQLite's result code.
func advice(code int) string {
	switch code & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return "; the file is damaged" + remedy
	case sqlite3.SQLITE_FULL:
		return "; make room on the disk that holds the state directory"
	case sqlite3.SQLITE_IOERR:
		return "; look at the disk that holds the state directory: it is full or failing"
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY:
		return "; the user that runs this needs to read and write the state directory"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "; another program keeps the journal locked"
	}
	return ""
}
