package save

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pricefetch/internal/atomicfile"
	"pricefetch/internal/mail"
)

func symlink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
}

// emptied wants a directory, to which symlinks led, to hold nothing.
func emptied(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("%s holds %v, %v", dir, entries, err)
		}
	}
}

// A symlink in the place of the hidden directory is refused, wherever it leads: importers would see half a file.
func TestSymlinkedStaging(t *testing.T) {
	outside := t.TempDir()
	for name, target := range map[string]string{"outside": outside, "inside": "public", "dangling": "nowhere"} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			mkdir(t, filepath.Join(o.ImportDir, "public"))
			symlink(t, target, filepath.Join(o.ImportDir, hiddenDir))
			d := openDir(t, o, "")
			_, err := d.Establish()
			wantClass(t, err, mail.Storage, hiddenDir)
			emptied(t, outside, d.at("public"))
		})
	}
	t.Run("later", func(t *testing.T) {
		d := newDir(t)
		f := stage(t, d, "x", "", "price.xls")
		if err := os.Rename(d.at(hiddenDir), d.at("public")); err != nil {
			t.Fatal(err)
		}
		symlink(t, "public", d.at(hiddenDir))
		_, err := d.Publish(t.Context(), f, nil)
		wantClass(t, err, mail.Storage, hiddenDir, "symlink")
		wantClass(t, d.Ready(t.Context()), mail.Storage, "symlink")
	})
	t.Run("the journal's own", func(t *testing.T) {
		d := newDir(t)
		if err := os.Rename(d.stagingDir(), d.at("public")); err != nil {
			t.Fatal(err)
		}
		symlink(t, "../public", d.stagingDir())
		wantClass(t, d.Ready(t.Context()), mail.Storage, "symlink")
	})
}

// Who swaps the destination for a symlink between our opening it and the rename gains nothing: the file goes where the
// directory went.
func TestSymlinkSwappedInBeforeTheRename(t *testing.T) {
	outside := t.TempDir()
	for _, replace := range []bool{false, true} {
		d := newDir(t)
		mkdir(t, d.at("a"))
		f := stage(t, d, "x", "a", "price.xls")
		f.Replace = replace
		swap := func() {
			if err := os.Rename(d.at("a"), d.at("moved")); err != nil {
				t.Error(err)
			}
			symlink(t, outside, d.at("a"))
		}
		d.disk.renameNew = func(from *os.Root, oldName string, to *os.Root, newName string) error {
			swap()
			return atomicfile.RenameNew(from, oldName, to, newName)
		}
		d.disk.rename = func(from *os.Root, oldName string, to *os.Root, newName string) error {
			swap()
			return atomicfile.Rename(from, oldName, to, newName)
		}
		wantPublished(t, d, f, mail.PublishedNow)
		wantContent(t, d.at("moved", "price.xls"), "x")
		emptied(t, outside)
	}
}

// A symlink that takes the very name in that moment is a taken name, or is itself replaced; what it leads to is untouched.
func TestSymlinkTakesTheNameBeforeTheRename(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, replace := range []bool{false, true} {
		d := newDir(t)
		mkdir(t, d.at("a"))
		f := stage(t, d, "x", "a", "price.xls")
		f.Replace = replace
		plant := func() { symlink(t, victim, d.at("a", "price.xls")) }
		d.disk.renameNew = func(from *os.Root, oldName string, to *os.Root, newName string) error {
			plant()
			return atomicfile.RenameNew(from, oldName, to, newName)
		}
		d.disk.rename = func(from *os.Root, oldName string, to *os.Root, newName string) error {
			plant()
			return atomicfile.Rename(from, oldName, to, newName)
		}
		want := mail.PublishTaken
		if replace {
			want = mail.PublishedNow
		}
		wantPublished(t, d, f, want)
		wantContent(t, victim, "untouched")
	}
}

// A symlink under the name of a file that is about to be staged is never written through.
func TestSymlinkWhereAFileIsStaged(t *testing.T) {
	d := newDir(t)
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	create := d.disk.create
	d.disk.create = func(dir *os.Root, name string, perm fs.FileMode) (file, error) {
		symlink(t, victim, filepath.Join(d.stagingDir(), name))
		return create(dir, name, perm)
	}
	_, err := d.Stage(t.Context(), strings.NewReader("x"), 0)
	wantClass(t, err, mail.Storage, "exists")
	wantContent(t, victim, "untouched")
}
