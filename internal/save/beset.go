package save

import (
	"io/fs"
	"os"
)

// Around stands between a Dir and its disk. It is called for every operation that can fail for the disk's own reasons,
// does it or leaves it, and says how it ended.
type Around func(op string, do func() error) error

// Beset puts around between d and its disk: for tests of what a failing disk, or a death between any two of its
// operations, leaves behind. It is to be called before d is used.
func (d *Dir) Beset(around Around) {
	real := d.disk
	move := func(op string, do func(from *os.Root, oldName string, to *os.Root, newName string) error) func(*os.Root, string, *os.Root, string) error {
		return func(from *os.Root, oldName string, to *os.Root, newName string) error {
			return around(op, func() error { return do(from, oldName, to, newName) })
		}
	}
	d.disk.renameNew, d.disk.rename = move("rename", real.renameNew), move("replace", real.rename)
	d.disk.sync = func(dir *os.Root) error { return around("sync directory", func() error { return real.sync(dir) }) }
	d.disk.confirm = func(dir *os.Root) error { return around("confirm syncs", func() error { return real.confirm(dir) }) }
	d.disk.remove = func(dir *os.Root, name string) error {
		return around("remove", func() error { return real.remove(dir, name) })
	}
	d.disk.create = func(dir *os.Root, name string, perm fs.FileMode) (f file, err error) {
		err = around("create", func() (err error) {
			f, err = real.create(dir, name, perm)
			return err
		})
		if err != nil {
			if f != nil {
				_ = f.Close()
			}
			return nil, err
		}
		return beset{f, around}, nil
	}
}

// beset is a file being staged on such a disk.
type beset struct {
	file
	around Around
}

func (f beset) Write(b []byte) (n int, err error) {
	err = f.around("write", func() (err error) {
		n, err = f.file.Write(b)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (f beset) Sync() error { return f.around("sync file", f.file.Sync) }

func (f beset) Chmod(mode fs.FileMode) error {
	return f.around("set mode", func() error { return f.file.Chmod(mode) })
}
