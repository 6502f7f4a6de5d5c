//go:build !linux

package save

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func statfs(path string) (space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return space{}, fmt.Errorf("statfs %s: %w", path, err)
	}
	return space{free: int64(st.Bavail) * int64(st.Bsize), noInodes: st.Files > 0 && st.Ffree == 0}, nil
}
