package atomicfile

import "golang.org/x/sys/unix"

func renameNoReplace(fromDir int, oldName string, toDir int, newName string) error {
	return unix.Renameat2(fromDir, oldName, toDir, newName, unix.RENAME_NOREPLACE)
}

func rename(fromDir int, oldName string, toDir int, newName string) error {
	return unix.Renameat(fromDir, oldName, toDir, newName)
}
