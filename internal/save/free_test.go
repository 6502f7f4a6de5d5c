package save

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"pricefetch/internal/mail"
)

func TestFree(t *testing.T) {
	d := newDir(t)
	mkdir(t, d.at("a", "dir.xls"))
	for _, name := range []string{"Прайс.xls", "Прайс (2).xls", "list.tar.gz"} {
		if err := os.WriteFile(d.at("a", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("nowhere", d.at("a", "link.xls")); err != nil {
		t.Fatal(err)
	}
	taken := func(name string) bool { return name == "Прайс (3).xls" || name == "mine.xls" }
	for _, tt := range []struct {
		dir, original string
		replace       bool
		want          string
	}{
		{"a", "new.xls", false, "new.xls"},
		{"absent/deep", "Прайс.xls", false, "Прайс.xls"},
		{"", "Прайс.xls", false, "Прайс.xls"},
		{"a", "Прайс.xls", false, "Прайс (4).xls"},
		{"a", `C:\Прайс.xls`, false, "Прайс (4).xls"},
		{"a", "Прайс.xls", true, "Прайс.xls"},
		{"a", "прайс.xls", false, "прайс.xls"}, // another name on a file system that tells case apart
		{"a", "list.tar.gz", false, "list (2).tar.gz"},
		{"a", "link.xls", false, "link (2).xls"},
		{"a", "link.xls", true, "link.xls"},
		{"a", "dir.xls", false, "dir (2).xls"},
		{"a", "mine.xls", true, "mine (2).xls"}, // of another attachment of the message
		{"absent", "mine.xls", false, "mine (2).xls"},
	} {
		got, err := d.Free(tt.dir, tt.original, tt.replace, taken)
		if got != tt.want || err != nil {
			t.Errorf("Free(%q, %q, %v) = %q, %v; want %q", tt.dir, tt.original, tt.replace, got, err, tt.want)
		}
	}
	_, err := d.Free("a", "dir.xls", true, nil)
	wantClass(t, err, mail.Message, d.at("a", "dir.xls"), "directory")
}

func TestFreeIsBounded(t *testing.T) {
	asked := map[string]bool{}
	_, err := newDir(t).Free("a", "Прайс.xls", false, func(name string) bool { asked[name] = true; return true })
	wantClass(t, err, mail.Message, "Прайс.xls", "9999", "a")
	if len(asked) != numbers || !asked["Прайс (9999).xls"] {
		t.Errorf("%d different names were tried, want %d", len(asked), numbers)
	}
}

func TestFreeAndPublishAgree(t *testing.T) {
	d := newDir(t)
	original := strings.Repeat("Прайс ", 60) + ".tar.gz"
	for i := range 12 {
		name, err := d.Free("a", original, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(name)+len(".json") > maxName {
			t.Errorf("%d bytes leave no room for the sidecar: %s", len(name), name)
		}
		wantPublished(t, d, stage(t, d, fmt.Sprint(i), "a", name), mail.PublishedNow)
		wantContent(t, d.at("a", name), fmt.Sprint(i))
	}
}
