package daemon

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// exposed tells what of state_dir every user of the machine may read or change, and what to do about it. The daemon makes
// everything there for itself alone (the journal for its group too), whatever the umask; but a person may have made the
// directory, or copied a journal into it.
func exposed(stateDir string) (notes []string) {
	info, err := os.Stat(stateDir)
	if err != nil {
		return nil // it is not there yet, or opening it will tell
	}
	const enter, write, read = 0o001, 0o002, 0o004
	if info.Mode()&write != 0 && info.Mode()&fs.ModeSticky == 0 {
		notes = append(notes, fmt.Sprintf("every user can replace the journal in state_dir %s: chmod 0750 it", stateDir))
	}
	if info.Mode()&(enter|write) == 0 {
		return notes // nobody else gets at what is in it
	}
	for _, name := range []string{"journal.db", "journal.db-wal", "journal.db-shm", "held", "lock"} {
		path := filepath.Join(stateDir, name)
		if info, err := os.Lstat(path); err == nil && info.Mode()&(read|write) != 0 {
			notes = append(notes, fmt.Sprintf("every user can get at %s (%v): chmod o-rwx it", path, info.Mode()))
		}
	}
	return notes
}
