package save

import (
	"io"
	"io/fs"
	"os"

	"pricefetch/internal/atomicfile"
)

// disk is what can fail for reasons of its own. Tests put failing ones in its place.
type disk struct {
	create    func(dir *os.Root, name string, perm fs.FileMode) (file, error)
	renameNew func(from *os.Root, oldName string, to *os.Root, newName string) error
	exclusive func(from *os.Root, oldName string, to *os.Root, newName string) (bool, error)
	rename    func(from *os.Root, oldName string, to *os.Root, newName string) error
	sync      func(dir *os.Root) error
	confirm   func(dir *os.Root) error
	remove    func(dir *os.Root, name string) error
	statfs    func(path string) (space, error)
}

// file is a file being staged.
type file interface {
	io.WriteCloser
	Sync() error
	Chmod(mode fs.FileMode) error
	Chown(uid, gid int) error
}

// space is what is left on a file system.
type space struct {
	free     int64 // bytes that an ordinary user may still write
	noInodes bool  // the file system counts inodes and none is left
}

func realDisk() disk {
	return disk{
		create: func(dir *os.Root, name string, perm fs.FileMode) (file, error) {
			f, err := atomicfile.Create(dir, name, perm)
			if err != nil {
				return nil, err // not f: a nil *os.File in an interface is not nil
			}
			return f, nil
		},
		renameNew: atomicfile.RenameNew,
		exclusive: atomicfile.Exclusive,
		rename:    atomicfile.Rename,
		sync:      atomicfile.Sync,
		confirm:   atomicfile.Confirm,
		remove:    func(dir *os.Root, name string) error { return dir.Remove(name) },
		statfs:    statfs,
	}
}

// syncIn syncs a directory below root.
func (d *Dir) syncIn(root *os.Root, name string) error {
	dir, err := root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return d.disk.sync(dir)
}
