package save

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// statfs counts in fragments as df does: f_bsize is a hint on transfer sizes, and larger than the unit on FUSE and NFS.
func statfs(path string) (space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return space{}, fmt.Errorf("statfs %s: %w", path, err)
	}
	unit := uint64(st.Frsize)
	if unit == 0 {
		unit = uint64(st.Bsize)
	}
	free := int64(math.MaxInt64)
	if unit == 0 || st.Bavail <= math.MaxInt64/unit {
		free = int64(st.Bavail * unit)
	}
	return space{free: free, noInodes: st.Files > 0 && st.Ffree == 0}, nil
}
