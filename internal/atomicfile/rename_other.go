//go:build !linux

package atomicfile

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// renameNoReplace has no portable form: RenameNew checks for absence instead.
func renameNoReplace(int, string, int, string) error { return syscall.ENOSYS }

func rename(fromDir int, oldName string, toDir int, newName string) error {
	return unix.Renameat(fromDir, oldName, toDir, newName)
}

// touch has nothing to do where there is no ext4.
func touch(int) error { return syscall.ENOSYS }
