package save

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

func TestFind(t *testing.T) {
	d := newDir(t)
	put := func(name, content string) {
		t.Helper()
		if err := os.MkdirAll(d.at("a"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.at("a", name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := stage(t, d, "прайс", "a", "Прайс.xls")
	f.Original = "Прайс.xls"
	any := func(string, time.Time) (bool, error) { return true, nil }
	want := func(name string, f mail.File, may func(string, time.Time) (bool, error)) {
		t.Helper()
		got, modified, err := d.Find(t.Context(), f, may)
		if err != nil || got != name || modified.IsZero() != (name == "") {
			t.Errorf("found %q, written %v, %v; want %q", got, modified, err, name)
		}
	}
	want("", f, any) // there is no such directory
	put("Прайс.xls", "праис")
	put("Прайс (2).xls", "прайс and more")
	put("прайс.xls", "прайс")
	put("Прайс (3)", "прайс")
	if err := os.Symlink(d.at("a", "прайс.xls"), d.at("a", "Прайс (4).xls")); err != nil {
		t.Fatal(err)
	}
	want("", f, any) // other content, other size, other names, a symlink
	put("Прайс (7).xls", "прайс")
	put("Прайс (5).xls", "прайс")
	want("Прайс (5).xls", f, any)
	asked := 0
	want("Прайс (7).xls", f, func(name string, modified time.Time) (bool, error) {
		asked++
		return name != "Прайс (5).xls", nil
	})
	if asked != 3 {
		t.Errorf("asked about %d files, want those of the size: 3", asked)
	}
	replace := f
	replace.Replace = true
	want("", replace, any) // it would get the plain name only
	put("Прайс.xls", "прайс")
	want("Прайс.xls", replace, any)
	fault := errors.New("fault")
	if _, _, err := d.Find(t.Context(), f, func(string, time.Time) (bool, error) { return false, fault }); !errors.Is(err, fault) {
		t.Errorf("error %v, want the answer's", err)
	}
}

func TestOthers(t *testing.T) {
	d := newDir(t)
	stage(t, d, "own", "a", "own")
	others, err := d.Others()
	if err != nil || len(others) != 0 {
		t.Errorf("%+v, %v: its own is not another's", others, err)
	}
	o := d.o
	o.JournalID = "0123456789abcdef"
	other := openDir(t, o, "")
	if _, err := other.Establish(); err != nil {
		t.Fatal(err)
	}
	stage(t, other, "left", "a", "left")
	stage(t, other, "over", "a", "over")
	mkdir(t, filepath.Join(o.ImportDir, hiddenDir, "try-XYZ"))
	others, err = d.Others()
	if err != nil || len(others) != 1 || others[0].Path != other.stagingDir() || others[0].Files != 2 || others[0].Bytes != 8 || others[0].Changed.IsZero() {
		t.Errorf("%+v, %v", others, err)
	}
	if err := os.RemoveAll(o.ImportDir); err != nil {
		t.Fatal(err)
	}
	if others, err = d.Others(); err != nil || len(others) != 0 {
		t.Errorf("%+v, %v of a directory that is not there", others, err)
	}
}
