package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	sqlite3 "modernc.org/sqlite/lib"
)

// What is read of a file before SQLite gets to it: the database's header and the write-ahead log's
// (https://www.sqlite.org/fileformat2.html, sections 1.3 and 4.1).
const (
	magic      = "SQLite format 3\x00"
	headerSize = 100
	writeMode  = 18 // byte of the header: 2 where the file has a write-ahead log, as every journal in use; 1 in a copy
	walHeader  = 32
	walVersion = 3007000
)

// orphaned refuses to make a new journal beside the write-ahead log of one that is missing or empty: SQLite would
// remove the log without a word.
func orphaned(path string) error {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 || err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil // what is wrong with it shows when it is opened
	}
	info, err := os.Stat(path + "-wal")
	if err != nil || info.Size() == 0 {
		return nil
	}
	return unusable("file is missing or empty, and its write-ahead log %s-wal is there: put back the file that belongs to it%s", path, remedy)
}

// sniff refuses what is not a SQLite file, and one beside which lies a write-ahead log that is not its own, before
// SQLite gets to them: it would take the log's pages for the file's. An empty file is a journal not yet made.
func sniff(path string) error {
	head, err := begin(path, headerSize)
	if errors.Is(err, os.ErrNotExist) {
		return storage(missingError{err})
	}
	if err != nil || len(head) == 0 {
		return storage(err)
	}
	if !bytes.HasPrefix(head, []byte(magic)) {
		return unusable("file is damaged or not a journal: it does not begin like a SQLite file%s", remedy)
	}
	log, err := begin(path+"-wal", walHeader)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return storage(err)
	}
	switch {
	case len(log) < walHeader: // nothing was ever written to it
		return nil
	case len(head) > writeMode && head[writeMode] == 1:
		return unusable("beside this copy of a journal lies %s-wal, the write-ahead log of another one, which would spoil it: "+
			"move %[1]s-wal and %[1]s-shm away", path)
	case !isLog(log):
		return unusable("its write-ahead log %s-wal is damaged: what was recorded last is lost%s", path, remedy)
	}
	return nil
}

// isLog tells whether a file begins like a write-ahead log. Nothing but zeros is one whose header never came to the
// disk: no transaction was finished in it.
func isLog(head []byte) bool {
	m := binary.BigEndian.Uint32(head)
	known := (m == 0x377f0682 || m == 0x377f0683) && binary.BigEndian.Uint32(head[4:]) == walVersion
	return known || bytes.Equal(head, make([]byte, len(head)))
}

// begin reads the first bytes of a file, at most n.
func begin(path string, n int64) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("%w%s", err, advice(sqlite3.SQLITE_PERM))
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, n))
}

// missingError is that of a journal that is not there yet.
type missingError struct{ error }

func (e missingError) Error() string {
	return e.error.Error() + "; the first run of the daemon makes it"
}
func (e missingError) Unwrap() error { return e.error }
