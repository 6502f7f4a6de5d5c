package atomicfile

import "golang.org/x/sys/unix"

func renameNoReplace(fromDir int, oldName string, toDir int, newName string) error {
	return unix.Renameat2(fromDir, oldName, toDir, newName, unix.RENAME_NOREPLACE)
}

func rename(fromDir int, oldName string, toDir int, newName string) error {
	return unix.Renameat(fromDir, oldName, toDir, newName)
}

// touch sets the time of last access to now.
func touch(dir int) error {
	return unix.UtimesNanoAt(dir, ".", []unix.Timespec{{Nsec: unix.UTIME_NOW}, {Nsec: unix.UTIME_OMIT}}, 0)
}
