package save

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"pricefetch/internal/mail"
)

const newDirPrefix = "newdir-" // in staging: a directory on its way to its place

// destination opens dir below import_dir and makes what is missing of it, durably. A directory gets its mode and group
// in staging and is then renamed into its place: a kill never leaves one that the importer cannot enter.
func (d *Dir) destination(p *place, dir string) (*os.Root, error) {
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	if d.durable(dir) {
		if target, err := p.root.OpenRoot(local(dir)); err == nil {
			return target, nil
		}
	}
	if _, err := d.makeAll(p, dir); err != nil {
		return nil, d.destinationError(dir, err)
	}
	target, err := p.root.OpenRoot(local(dir))
	if err != nil {
		return nil, d.destinationError(dir, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lasts[dir] = true
	return target, nil
}

func (d *Dir) durable(dir string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lasts[dir]
}

// makeAll makes the missing levels of dir and returns which. The parent of every level is synced, of those that were
// there too: whoever made them may have been killed, or may only be about to sync.
func (d *Dir) makeAll(p *place, dir string) (made []string, err error) {
	if dir == "" {
		return nil, nil
	}
	for end := range len(dir) + 1 {
		if end < len(dir) && dir[end] != '/' {
			continue
		}
		isNew, err := d.makeLevel(p, dir[:end])
		if isNew {
			made = append(made, dir[:end])
		}
		if err != nil {
			return made, err
		}
	}
	return made, nil
}

func (d *Dir) makeLevel(p *place, dir string) (made bool, err error) {
	parent, err := p.root.OpenRoot(local(upper(dir)))
	if err != nil {
		return false, err
	}
	defer func() { _ = parent.Close() }()
	_, err = parent.Stat(path.Base(dir))
	if errors.Is(err, fs.ErrNotExist) {
		made, err = d.makeDir(p, parent, path.Base(dir))
	}
	if err != nil {
		return made, err
	}
	return made, d.disk.sync(parent)
}

// makeDir makes one directory; one that somebody else made meanwhile is as good.
func (d *Dir) makeDir(p *place, parent *os.Root, name string) (made bool, err error) {
	temp := newDirPrefix + rand.Text()
	if err := p.staging.Mkdir(temp, ownerOnly); err != nil {
		return false, err
	}
	err = d.dress(p.staging, temp, parent, d.o.DirMode)
	if err == nil {
		err = d.disk.renameNew(p.staging, temp, parent, name)
	}
	if err == nil {
		return true, nil
	}
	if removeErr := d.disk.remove(p.staging, temp); removeErr != nil {
		return false, errors.Join(err, removeErr)
	}
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return false, err
}

// dress gives a directory in where its group and mode, and syncs it. Without a group of its own it gets the one that
// the kernel would have given it in parent.
func (d *Dir) dress(where *os.Root, name string, parent *os.Root, mode fs.FileMode) error {
	dir, err := where.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	if err := d.group(dir, parent); err != nil {
		return err
	}
	if err := dir.Chmod(mode); err != nil {
		return fmt.Errorf("set mode %v: %w: check the key dir_mode", mode, err)
	}
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// group sets the configured group, or the one that parent's setgid bit hands down. The latter may be one that we are
// not in; then the file keeps the group it has, and Try says so.
func (d *Dir) group(f *os.File, parent *os.Root) error {
	if d.o.GID >= 0 {
		if err := f.Chown(-1, d.o.GID); err != nil {
			return fmt.Errorf("set group %d: %w: check the key group", d.o.GID, err)
		}
		return nil
	}
	gid, ok := handedDown(parent)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err == nil && gidOf(info) == gid {
		return nil
	}
	if err := f.Chown(-1, gid); err != nil && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("set group %d: %w", gid, err)
	}
	return nil
}

// handedDown is the group that parent's setgid bit gives to what is made in it.
func handedDown(parent *os.Root) (gid int, ok bool) {
	info, err := parent.Stat(".")
	if err != nil || info.Mode()&fs.ModeSetgid == 0 {
		return 0, false
	}
	gid = gidOf(info)
	return gid, gid >= 0
}

// gidOf is -1 where the system tells no group.
func gidOf(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Gid)
	}
	return -1
}

// checkDir refuses what is no place for files: paths that are not below import_dir, and our own hidden directory.
func checkDir(dir string) error {
	top, _, _ := strings.Cut(dir, "/")
	if dir != "" && (!fs.ValidPath(dir) || dir == "." || strings.ContainsRune(dir, 0)) || top == hiddenDir {
		return mail.Errorf(mail.Storage, "save to %q: not a directory for files below import_dir: check the key save_to", dir)
	}
	return nil
}

func (d *Dir) destinationError(dir string, err error) error {
	if errors.Is(err, syscall.EXDEV) {
		return d.otherFileSystem(dir, err)
	}
	return mail.Errorf(mail.Storage, "make directory %q below import_dir %s: %w", dir, d.o.ImportDir, err)
}

func (d *Dir) otherFileSystem(dir string, err error) error {
	return mail.Errorf(mail.Storage, "save to %q: it is on another file system than import_dir %s (a mount of its own?); "+
		"files can only be renamed within one: change save_to or remove the mount: %w", dir, d.o.ImportDir, err)
}

// local is dir as os.Root wants it.
func local(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}

// upper is the directory above dir, "" for import_dir.
func upper(dir string) string {
	if up := path.Dir(dir); up != "." {
		return up
	}
	return ""
}
