// Package save puts files into the import directory: it makes their names safe, stages them where no importer looks,
// and publishes them whole, under names that nothing else has (semantics 2).
//
// Staging is <import_dir>/.pricefetch/<journal id>/ with a token in it that the journal knows. A staged file that is
// gone from there was published; that is evidence only while the directory is the one with the token, so every
// operation opens it anew and compares. No handle is kept: a volume can be unmounted and come back.
package save

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"pricefetch/internal/atomicfile"
	"pricefetch/internal/mail"
)

const (
	hiddenDir = ".pricefetch" // in import_dir: of every pricefetch that saves there
	tokenFile = "token"       // in the staging directory
	ownerOnly = 0o700         // of hidden directories
	tokenMode = 0o600
)

// Options says where files go and what they look like.
type Options struct {
	ImportDir string
	JournalID string      // names the staging directory; may be empty for Try alone
	FileMode  fs.FileMode // of published files, whatever the umask
	DirMode   fs.FileMode // of directories made below ImportDir; setgid as fs.ModeSetgid or as 02000
	GID       int         // group of files and made directories; -1: as the directory's setgid bit says, else the process's
	MinFree   int64       // bytes that must stay free on the file systems of ImportDir and StateDir
	StateDir  string      // its free space and writability count too
}

// Dir is the import directory. It is safe for concurrent use.
type Dir struct {
	o    Options
	disk disk

	mu    sync.Mutex
	token string                 // of the staging directory that the journal knows; "": it knows none
	locks map[string]*sync.Mutex // one per destination directory
	lasts map[string]bool        // destination directories whose entries, up to ImportDir, are known to be durable
}

// Open describes an import directory; it touches nothing and needs nothing to be mounted. token is what Establish
// returned once and the journal noted, "" if there was none yet.
func Open(o Options, token string) (*Dir, error) {
	if o.ImportDir == "" {
		return nil, errors.New("open import directory: import_dir is empty")
	}
	if o.JournalID != "" && (!filepath.IsLocal(o.JournalID) || strings.ContainsAny(o.JournalID, `/\`) || o.JournalID == ".") {
		return nil, fmt.Errorf("open import directory: journal id %q cannot name a directory", o.JournalID)
	}
	o.ImportDir = filepath.Clean(o.ImportDir)
	o.FileMode, o.DirMode = goMode(o.FileMode).Perm(), goMode(o.DirMode)
	return &Dir{
		o: o, disk: realDisk(), token: token,
		locks: map[string]*sync.Mutex{}, lasts: map[string]bool{},
	}, nil
}

// goMode turns the traditional octal bits above 0777 into those of fs.FileMode.
func goMode(m fs.FileMode) fs.FileMode {
	mode := m &^ 0o7000
	for bit, flag := range map[fs.FileMode]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if m&bit != 0 {
			mode |= flag
		}
	}
	return mode
}

// Establish makes the staging directory with a fresh token, durably, and returns the token for the journal to note. It
// is for a journal that knows none yet, and for a person who accepts a new import directory. ImportDir itself is made
// too, its parent is not: where that is missing, a volume is not mounted.
func (d *Dir) Establish() (string, error) {
	if d.o.JournalID == "" {
		return "", mail.Errorf(mail.Storage, "establish staging in import_dir %s: the journal has no id", d.o.ImportDir)
	}
	token := rand.Text()
	if err := d.establish(token); err != nil {
		return "", mail.Errorf(mail.Storage, "establish staging in import_dir %s: %w", d.o.ImportDir, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.token = token
	clear(d.lasts) // it may be another directory than before
	return token, nil
}

func (d *Dir) establish(token string) error {
	if _, err := d.makeImportDir(); err != nil {
		return err
	}
	root, err := os.OpenRoot(d.o.ImportDir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for _, parent := range []string{hiddenDir, d.stagingPath()} {
		// No chmod: with setgid on import_dir the kernel hands its group down to what is staged.
		if err := root.Mkdir(parent, ownerOnly); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := noSymlink(root, parent); err != nil {
			return err
		}
	}
	staging, err := root.OpenRoot(d.stagingPath())
	if err != nil {
		return err
	}
	defer func() { _ = staging.Close() }()
	if err := atomicfile.WriteFileIn(staging, tokenFile, []byte(token+"\n"), tokenMode); err != nil {
		return err
	}
	return errors.Join(d.syncIn(root, hiddenDir), d.disk.sync(root))
}

// makeImportDir makes ImportDir where only its last level is missing and tells whether it did.
func (d *Dir) makeImportDir() (made bool, err error) {
	err = os.Mkdir(d.o.ImportDir, ownerOnly)
	switch {
	case errors.Is(err, fs.ErrExist):
		return false, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("its parent directory does not exist (volume not mounted?): create it: %w", err)
	case err != nil:
		return false, err
	}
	parent, err := os.OpenRoot(filepath.Dir(d.o.ImportDir))
	if err != nil {
		return true, err
	}
	defer func() { _ = parent.Close() }()
	return true, errors.Join(d.dress(parent, filepath.Base(d.o.ImportDir), parent, d.o.DirMode), d.disk.sync(parent))
}

// Known tells only whether the staging directory is the one that the journal knows: nil, or the error that Ready gives.
func (d *Dir) Known() error {
	p, err := d.open()
	if err != nil {
		return err
	}
	p.close()
	return nil
}

func (d *Dir) stagingPath() string { return path.Join(hiddenDir, d.o.JournalID) }

// place is the import directory and its staging directory, opened and known to be the journal's.
type place struct {
	root    *os.Root
	staging *os.Root
	token   string
}

func (p *place) close() {
	if p.staging != nil {
		_ = p.staging.Close()
	}
	if p.root != nil {
		_ = p.root.Close()
	}
}

// open opens the import directory and makes sure that its staging directory is the one the journal knows.
func (d *Dir) open() (*place, error) {
	d.mu.Lock()
	known := d.token
	d.mu.Unlock()
	if known == "" {
		return nil, mail.Errorf(mail.Storage, "open staging in import_dir %s: none was established yet", d.o.ImportDir)
	}
	p := &place{token: known}
	if err := p.open(d.o.ImportDir, d.stagingPath()); err != nil {
		p.close()
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errToken) {
			return nil, d.unknown(err)
		}
		return nil, mail.Errorf(mail.Storage, "open staging in import_dir %s: %w", d.o.ImportDir, err)
	}
	return p, nil
}

var errToken = errors.New("another token is in it")

func (p *place) open(importDir, staging string) (err error) {
	if p.root, err = os.OpenRoot(importDir); err != nil {
		return err
	}
	if err = errors.Join(noSymlink(p.root, hiddenDir), noSymlink(p.root, staging)); err != nil {
		return err
	}
	if p.staging, err = p.root.OpenRoot(staging); err != nil {
		return err
	}
	found, err := p.staging.ReadFile(tokenFile)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(strings.TrimSpace(string(found))), []byte(p.token)) != 1 {
		return errToken
	}
	return nil
}

// noSymlink refuses a symlink in the place of one of our own directories. os.Root keeps it from leading out of the import
// directory, but within it would lay half a file open to importers.
func noSymlink(root *os.Root, dir string) error {
	info, err := root.Lstat(dir)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		err = fmt.Errorf("%s is a symlink; it has to be a directory of its own: remove the symlink", dir)
	}
	return err
}

func (d *Dir) unknown(cause error) error {
	return mail.Errorf(mail.Storage, "import_dir %s is not the directory this journal knows (volume not mounted?): "+
		"mount it, or accept the new one with: pricefetch approve --import-dir: %w", d.o.ImportDir, cause)
}
