// Package atomicfile makes files appear whole or not at all, and makes that last through a power cut. It is the only
// room that renames. Every function works within directories opened as os.Root and on single names, never on paths,
// so that nothing planted in a directory can lead an operation out of it.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// TempPrefix begins the names of files that a killed WriteFile may leave behind in its directory.
const TempPrefix = ".tmp-"

// Create makes a new file for writing; one that exists, a symlink too, is fs.ErrExist. The mode is subject to the umask.
func Create(dir *os.Root, name string, perm fs.FileMode) (*os.File, error) {
	if err := single(dir, name); err != nil {
		return nil, err
	}
	return dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm.Perm())
}

// Sync makes the directory's entries durable. File systems that cannot sync a directory (EINVAL) order their entries
// by other means; that is no error.
func Sync(dir *os.Root) error {
	handle, err := dir.Open(".")
	if err != nil {
		return fmt.Errorf("sync directory %s: %w", dir.Name(), err)
	}
	defer func() { _ = handle.Close() }() // opened for reading: closing cannot lose anything
	if err := handle.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return fmt.Errorf("sync directory %s: %w", dir.Name(), err)
	}
	return nil
}

// Confirm makes sure, after syncs that succeeded, that the file system was alive when they did. An ext4 that has aborted
// its own log answers a later fsync with success, because the transaction asked about is no longer there to wait for;
// it takes notice at the next change, and refuses the one after that. What is changed is when dir was last read. Where
// dir is not ours to change, nothing is told.
func Confirm(dir *os.Root) error {
	handle, err := dir.Open(".")
	if err != nil {
		return fmt.Errorf("confirm syncs in %s: %w", dir.Name(), err)
	}
	defer func() { _ = handle.Close() }()
	for range 2 {
		if err := touch(int(handle.Fd())); err != nil && !errors.Is(err, fs.ErrPermission) && !unsupported(err) {
			return fmt.Errorf("confirm syncs in %s: %w", dir.Name(), err)
		}
	}
	return nil
}

// RenameNew renames without replacing; a taken name is fs.ErrExist and changes nothing. Neither directory is synced.
// Where the file system cannot do both in one step, absence is checked first: the caller's mutex must then keep
// others of its own from taking the name in between.
func RenameNew(from *os.Root, oldName string, to *os.Root, newName string) error {
	return renameNew(renameNoReplace, from, oldName, to, newName)
}

// Exclusive tells whether RenameNew from one directory to the other is a single step of the kernel. It needs a file to
// rename, which is under newName afterwards, as with RenameNew.
func Exclusive(from *os.Root, oldName string, to *os.Root, newName string) (bool, error) {
	native := true
	err := renameNew(func(fromDir int, oldName string, toDir int, newName string) error {
		err := renameNoReplace(fromDir, oldName, toDir, newName)
		native = !unsupported(err)
		return err
	}, from, oldName, to, newName)
	return native, err
}

// Rename renames over whatever file has the new name; a symlink there is itself replaced, a directory is an error.
// Neither directory is synced.
func Rename(from *os.Root, oldName string, to *os.Root, newName string) error {
	return onHandles(rename, from, oldName, to, newName)
}

// WriteFile replaces the file at path durably: after a crash it holds the old content or data, never a part of either.
// perm is set whatever the umask. It is for small files of state, not for what an importer watches.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = dir.Close() }()
	return WriteFileIn(dir, filepath.Base(path), data, perm)
}

// WriteFileIn is WriteFile for a name within dir.
func WriteFileIn(dir *os.Root, name string, data []byte, perm fs.FileMode) error {
	temp := TempPrefix + rand.Text()
	if err := writeNew(dir, temp, data, perm); err != nil {
		return err
	}
	if err := Rename(dir, temp, dir, name); err != nil {
		return errors.Join(err, dir.Remove(temp))
	}
	return Sync(dir)
}

// writeNew makes a synced file under a new name, or none.
func writeNew(dir *os.Root, name string, data []byte, perm fs.FileMode) error {
	f, err := Create(dir, name, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, dir.Remove(name))
	}
	return nil
}

// renameCall is renameat(2) in one of its forms: directory handle and name, twice.
type renameCall func(fromDir int, oldName string, toDir int, newName string) error

func renameNew(noReplace renameCall, from *os.Root, oldName string, to *os.Root, newName string) error {
	err := onHandles(noReplace, from, oldName, to, newName)
	if !unsupported(err) {
		return err
	}
	switch _, statErr := to.Lstat(newName); {
	case statErr == nil:
		return linkError(syscall.EEXIST, from, oldName, to, newName)
	case !errors.Is(statErr, fs.ErrNotExist):
		return statErr
	}
	return Rename(from, oldName, to, newName)
}

// unsupported: the kernel lacks the call, or the file system its flag (NFS, FUSE, some overlays).
func unsupported(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EOPNOTSUPP)
}

// onHandles opens both directories and makes the call on their handles, again as long as a signal interrupts it.
func onHandles(call renameCall, from *os.Root, oldName string, to *os.Root, newName string) error {
	if err := errors.Join(single(from, oldName), single(to, newName)); err != nil {
		return err
	}
	source, err := from.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := to.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = target.Close() }()
	for {
		err = call(int(source.Fd()), oldName, int(target.Fd()), newName)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return linkError(err, from, oldName, to, newName)
	}
	return nil
}

func linkError(err error, from *os.Root, oldName string, to *os.Root, newName string) error {
	return &os.LinkError{
		Op:  "rename",
		Old: filepath.Join(from.Name(), oldName),
		New: filepath.Join(to.Name(), newName),
		Err: err,
	}
}

// single refuses anything but one plain name: a handle does not keep "a/../../b" inside its directory.
func single(dir *os.Root, name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("use name %q in %s: %w", name, dir.Name(), fs.ErrInvalid)
	}
	return nil
}
