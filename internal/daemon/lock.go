package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrLocked means that another daemon, or another command that acts, holds state_dir. Exit status 3.
var ErrLocked = errors.New("another pricefetch holds it")

// lock takes state_dir for this process. The kernel gives it back when the process ends, however it ends.
func lock(stateDir string) (*os.File, error) {
	path := filepath.Join(stateDir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock state_dir %s: %w", stateDir, ErrLocked)
		}
		return nil, fmt.Errorf("lock state_dir %s: %w", stateDir, err)
	}
	return f, nil
}
