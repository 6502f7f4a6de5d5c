package save

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pricefetch/internal/mail"
)

// newDir is an established import directory below a temporary one.
func newDir(t *testing.T) *Dir {
	t.Helper()
	d := openDir(t, options(t), "")
	if _, err := d.Establish(); err != nil {
		t.Fatal(err)
	}
	return d
}

func options(t *testing.T) Options {
	t.Helper()
	top := t.TempDir()
	state := filepath.Join(top, "state")
	for _, dir := range []string{state, filepath.Join(top, "import")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return Options{
		ImportDir: filepath.Join(top, "import"), StateDir: state, JournalID: "j1",
		FileMode: 0o640, DirMode: 0o2750, GID: -1,
	}
}

func openDir(t *testing.T, o Options, token string) *Dir {
	t.Helper()
	d, err := Open(o, token)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// stage stages content and returns it as a file to be published under dir/name.
func stage(t *testing.T, d *Dir, content, dir, name string) mail.File {
	t.Helper()
	staged, err := d.Stage(t.Context(), strings.NewReader(content), 0)
	if err != nil {
		t.Fatal(err)
	}
	return mail.File{Dir: dir, Name: name, Staged: staged}
}

func (d *Dir) stagingDir() string { return filepath.Join(d.o.ImportDir, d.stagingPath()) }

func wantContent(t *testing.T, path, content string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != content {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, content)
	}
}

func wantClass(t *testing.T, err error, class mail.Class, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one of class %s", class)
	}
	if mail.ClassOf(err) != class {
		t.Errorf("error has class %s, want %s: %v", mail.ClassOf(err), class, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q lacks %q", err, w)
		}
	}
}

// wantStaged wants so many staged files, and nothing else but the token, in staging.
func wantStaged(t *testing.T, d *Dir, n int) {
	t.Helper()
	entries, err := os.ReadDir(d.stagingDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != n+1 {
		t.Errorf("staging holds %v, want the token and %d files", entries, n)
	}
}

func TestOpenTouchesNothing(t *testing.T) {
	o := options(t)
	o.ImportDir = filepath.Join(o.ImportDir, "absent")
	openDir(t, o, "token")
	if _, err := os.Stat(o.ImportDir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("import_dir: %v, want it absent", err)
	}
}

func TestOpenRefusesBadOptions(t *testing.T) {
	for _, o := range []Options{
		{}, {ImportDir: "x", JournalID: ".."}, {ImportDir: "x", JournalID: "a/b"}, {ImportDir: "x", JournalID: "."},
		{ImportDir: "x", JournalID: `a\b`}, {ImportDir: "x", JournalID: "/a"},
	} {
		if _, err := Open(o, ""); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

func TestGoMode(t *testing.T) {
	for in, want := range map[fs.FileMode]fs.FileMode{
		0o640: 0o640, 0o2750: 0o750 | fs.ModeSetgid, 0o750 | fs.ModeSetgid: 0o750 | fs.ModeSetgid,
		0o7777: 0o777 | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky,
	} {
		if got := goMode(in); got != want {
			t.Errorf("%o became %v, want %v", uint32(in), got, want)
		}
	}
}

func TestEstablish(t *testing.T) {
	d := openDir(t, options(t), "")
	wantClass(t, d.Ready(t.Context()), mail.Storage, d.o.ImportDir)
	token, err := d.Establish()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{hiddenDir, d.stagingPath()} {
		info, err := os.Stat(filepath.Join(d.o.ImportDir, dir))
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v; want mode 0700", dir, info.Mode(), err)
		}
	}
	if len(token) < 20 {
		t.Errorf("token %q can be guessed", token)
	}
	if err := openDir(t, d.o, token).Ready(t.Context()); err != nil {
		t.Errorf("a later start is not ready: %v", err)
	}
	other, err := openDir(t, d.o, "").Establish()
	if err != nil || other == token {
		t.Errorf("second Establish gave %q, %v; want a fresh token", other, err)
	}
	wantClass(t, d.Ready(t.Context()), mail.Storage)
}

func TestEstablishMakesTheLastLevelOnly(t *testing.T) {
	o := options(t)
	o.ImportDir = filepath.Join(o.ImportDir, "импорт")
	if _, err := openDir(t, o, "").Establish(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(o.ImportDir)
	if err != nil || info.Mode() != fs.ModeDir|fs.ModeSetgid|0o750 {
		t.Errorf("import_dir: %v, %v; want dir_mode", info.Mode(), err)
	}
	o.ImportDir = filepath.Join(o.ImportDir, "volume", "import")
	_, err = openDir(t, o, "").Establish()
	wantClass(t, err, mail.Storage, "volume not mounted", o.ImportDir)
}

func TestEstablishNeedsAJournal(t *testing.T) {
	o := options(t)
	o.JournalID = ""
	_, err := openDir(t, o, "").Establish()
	wantClass(t, err, mail.Storage, "no id")
}

// Every operation must notice that the directory is not the journal's, above all before it takes absence for proof.
func TestAForeignDirectoryIsNoEvidence(t *testing.T) {
	faults := map[string]func(t *testing.T, d *Dir){
		"import_dir missing": func(t *testing.T, d *Dir) { rename(t, d.o.ImportDir, d.o.ImportDir+".away") },
		"staging missing":    func(t *testing.T, d *Dir) { rename(t, d.stagingDir(), d.stagingDir()+".away") },
		"token missing": func(t *testing.T, d *Dir) {
			rename(t, filepath.Join(d.stagingDir(), tokenFile), filepath.Join(d.stagingDir(), "x"))
		},
		"another token": func(t *testing.T, d *Dir) {
			if _, err := openDir(t, d.o, "").Establish(); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			d := newDir(t)
			f := stage(t, d, "x", "a", "price.xls")
			fault(t, d)
			published, err := d.Publish(t.Context(), f, nil)
			if err == nil {
				t.Fatalf("Publish answered %v", published)
			}
			_, stageErr := d.Stage(t.Context(), strings.NewReader("x"), 0)
			_, stagedErr := d.Staged(f.Staged.Name)
			_, freeErr := d.Free("a", "price.xls", false, nil)
			_, sweepErr := d.Sweep(nil)
			for _, err := range []error{
				err, d.Ready(t.Context()), d.Known(), stageErr, stagedErr, freeErr, sweepErr, d.Discard(f.Staged.Name),
			} {
				wantClass(t, err, mail.Storage, d.o.ImportDir, "not the directory this journal knows", "approve --import-dir")
			}
		})
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestAVolumeThatComesBackIsKnownAgain(t *testing.T) {
	d := newDir(t)
	f := stage(t, d, "x", "", "price.xls")
	rename(t, d.o.ImportDir, d.o.ImportDir+".away")
	wantClass(t, d.Known(), mail.Storage)
	rename(t, d.o.ImportDir+".away", d.o.ImportDir)
	if got, err := d.Publish(t.Context(), f, nil); got != mail.PublishedNow || err != nil {
		t.Errorf("got %v, %v; want it published now", got, err)
	}
}

func TestReady(t *testing.T) {
	faults := map[string]struct {
		fault func(t *testing.T, d *Dir)
		words []string
	}{
		"import_dir cannot be written": {
			func(t *testing.T, d *Dir) { mkdir(t, filepath.Join(d.stagingDir(), probeFile, "x")) },
			[]string{"write into import_dir"},
		},
		"state_dir missing": {
			func(_ *testing.T, d *Dir) { d.o.StateDir += "/absent" }, []string{"state_dir", "absent"},
		},
		"state_dir cannot be written": {
			func(t *testing.T, d *Dir) { mkdir(t, filepath.Join(d.o.StateDir, probeFile, "x")) },
			[]string{"write into state_dir"},
		},
		"below min_free": {
			func(_ *testing.T, d *Dir) { d.o.MinFree = 1 << 62 }, []string{"import_dir", "4611686018427387904", "min_free"},
		},
		"state_dir below min_free": {
			func(_ *testing.T, d *Dir) {
				d.o.MinFree = 500
				d.disk.statfs = func(path string) (space, error) {
					if path == d.o.StateDir {
						return space{free: 499}, nil
					}
					return space{free: 500}, nil
				}
			},
			[]string{"state_dir", "499", "500"},
		},
		"no inodes": {
			func(_ *testing.T, d *Dir) {
				d.disk.statfs = func(string) (space, error) { return space{free: 1 << 40, noInodes: true}, nil }
			},
			[]string{"inodes"},
		},
		"statfs fails": {
			func(_ *testing.T, d *Dir) {
				d.disk.statfs = func(string) (space, error) { return space{}, syscall.EIO }
			},
			[]string{"free space", "input/output error"},
		},
	}
	for name, tt := range faults {
		t.Run(name, func(t *testing.T) {
			d := newDir(t)
			if err := d.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			tt.fault(t, d)
			wantClass(t, d.Ready(t.Context()), mail.Storage, tt.words...)
			if err := d.Known(); err != nil {
				t.Errorf("the directory is not known any more: %v", err)
			}
		})
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestReadyLeavesNothingBehind(t *testing.T) {
	d := newDir(t)
	if err := d.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantStaged(t, d, 0)
	if entries, _ := os.ReadDir(d.o.StateDir); len(entries) > 0 {
		t.Errorf("state_dir holds %v", entries)
	}
}

func TestStatfsCountsAsTheSystemDoes(t *testing.T) {
	left, err := statfs(t.TempDir())
	if err != nil || left.free < 1<<10 || left.free > 1<<60 || left.noInodes {
		t.Errorf("got %+v, %v", left, err)
	}
	if _, err := statfs(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent directory: %v", err)
	}
}
