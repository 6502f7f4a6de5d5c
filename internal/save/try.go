package save

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"

	"pricefetch/internal/mail"
)

// Try does in every one of saveTo what publishing will do there, and takes it back: it makes the directory, sets mode
// and group on a file, renames it into place and makes sure that a second one is refused. It needs no staging
// directory to be established. The answer is every fault found.
func (d *Dir) Try(saveTo []string) []error {
	_, faults := d.try(saveTo)
	return faults
}

// Unexclusive returns those of saveTo whose file system cannot rename without replacing in one step. Files are saved
// there all the same, the absence of the name being checked first; only another program that makes a file of the
// same name in that very moment could have it replaced.
func (d *Dir) Unexclusive(saveTo []string) []string {
	checked, _ := d.try(saveTo)
	return checked
}

func (d *Dir) try(saveTo []string) (checked []string, faults []error) {
	t := &trial{d: d}
	defer func() { faults = append(faults, t.undo()...) }()
	if err := t.begin(); err != nil {
		return nil, []error{mail.Errorf(mail.Storage, "try import_dir %s: %w", d.o.ImportDir, err)}
	}
	for _, dir := range saveTo {
		exclusive, err := t.in(dir)
		switch {
		case errors.Is(err, syscall.EXDEV):
			faults = append(faults, d.otherFileSystem(dir, err))
		case err != nil:
			faults = append(faults, mail.Errorf(mail.Storage, "try save_to %q in import_dir %s: %w", dir, d.o.ImportDir, err))
		case !exclusive:
			checked = append(checked, dir)
		}
	}
	return checked, faults
}

// trial is one Try: what it opened and what it made.
type trial struct {
	d     *Dir
	place place
	temp  string   // staging of its own, in the hidden directory
	files []string // below import_dir, to be removed
	dirs  []string // below import_dir, to be removed in reverse
	made  bool     // import_dir too
}

func (t *trial) begin() (err error) {
	if t.made, err = t.d.makeImportDir(); err != nil {
		return err
	}
	if t.place.root, err = os.OpenRoot(t.d.o.ImportDir); err != nil {
		return err
	}
	t.temp = path.Join(hiddenDir, "try-"+rand.Text())
	for _, dir := range []string{hiddenDir, t.temp} {
		if err := t.place.root.Mkdir(dir, ownerOnly); err == nil {
			t.dirs = append(t.dirs, dir)
		} else if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	t.place.staging, err = t.place.root.OpenRoot(t.temp)
	return err
}

// in tries one directory and tells whether renaming without replacing is one step there.
func (t *trial) in(dir string) (exclusive bool, err error) {
	if err := checkDir(dir); err != nil {
		return false, err
	}
	made, err := t.d.makeAll(&t.place, dir)
	t.dirs = append(t.dirs, made...)
	if err != nil {
		return false, err
	}
	target, err := t.place.root.OpenRoot(local(dir))
	if err != nil {
		return false, err
	}
	defer func() { _ = target.Close() }()
	if err := t.directory(target); err != nil {
		return false, err
	}
	name := ".pricefetch-try-" + rand.Text() // hidden from importers that watch
	t.files = append(t.files, path.Join(dir, name))
	return t.publish(target, name)
}

// publish renames one file into target and makes sure that a second one is refused under the same name.
func (t *trial) publish(target *os.Root, name string) (exclusive bool, err error) {
	first, err := t.stage(target)
	if err != nil {
		return false, err
	}
	second, err := t.stage(target)
	if err != nil {
		return false, err
	}
	if exclusive, err = t.d.disk.exclusive(t.place.staging, first, target, name); err != nil {
		return false, err
	}
	err = t.d.disk.renameNew(t.place.staging, second, target, name)
	if err == nil {
		return false, errors.New("rename onto a taken name replaced the file: this file system cannot be used")
	}
	if !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	return exclusive, t.d.disk.sync(target)
}

// stage makes a file as Stage does and sees whether mode and group took.
func (t *trial) stage(target *os.Root) (string, error) {
	name := stagedPrefix + rand.Text()
	f, err := t.d.disk.create(t.place.staging, name, tokenMode)
	if err != nil {
		return "", err
	}
	t.files = append(t.files, path.Join(t.temp, name))
	_, err = f.Write([]byte("try\n"))
	if err == nil {
		err = t.d.finish(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	if err := t.d.adopt(&t.place, target, name); err != nil {
		return "", err
	}
	return name, t.took(name, "file_mode", t.d.o.FileMode, target)
}

// directory sees whether mode and group take on a directory made for target.
func (t *trial) directory(target *os.Root) error {
	name := newDirPrefix + rand.Text()
	if err := t.place.staging.Mkdir(name, ownerOnly); err != nil {
		return err
	}
	t.dirs = append(t.dirs, path.Join(t.temp, name))
	if err := t.d.dress(t.place.staging, name, target, t.d.o.DirMode); err != nil {
		return err
	}
	return t.took(name, "dir_mode", t.d.o.DirMode, target)
}

// took compares mode and group with what they should be: some systems take a call and do not obey it.
func (t *trial) took(name, key string, mode fs.FileMode, target *os.Root) error {
	info, err := t.place.staging.Lstat(name)
	if err != nil {
		return err
	}
	const bits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	if got := info.Mode() & bits; got != mode&bits {
		return fmt.Errorf("set %s: expected %v, the file system made it %v (setgid needs membership in the group)", key, mode&bits, got)
	}
	want := t.d.o.GID
	if gid, ok := handedDown(target); want < 0 && ok {
		want = gid
	}
	if got := gidOf(info); want >= 0 && got >= 0 && got != want {
		return fmt.Errorf("set group: expected %d, the file system made it %d: join that group, or set the key group", want, got)
	}
	return nil
}

// undo removes what the trial made. A directory that somebody uses by now stays.
func (t *trial) undo() (faults []error) {
	if t.place.root != nil {
		for _, name := range t.files {
			if err := t.place.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				faults = append(faults, mail.Errorf(mail.Storage, "remove what was tried in import_dir: %w", err))
			}
		}
		for _, name := range slices.Backward(t.dirs) {
			if err := t.place.root.Remove(name); err != nil && !inUse(err) {
				faults = append(faults, mail.Errorf(mail.Storage, "remove what was tried in import_dir: %w", err))
			}
		}
	}
	t.place.close()
	if t.made {
		if err := os.Remove(t.d.o.ImportDir); err != nil && !inUse(err) {
			faults = append(faults, mail.Errorf(mail.Storage, "remove what was tried: %w", err))
		}
	}
	return faults
}

func inUse(err error) bool {
	return errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist)
}
