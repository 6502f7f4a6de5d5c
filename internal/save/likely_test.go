package save

import (
	"os"
	"path/filepath"
	"testing"
)

// The name that an explanation tells is the one that the file gets.
func TestLikelyIsWhatFreeChooses(t *testing.T) {
	d := newDir(t)
	dir := filepath.Join(d.o.ImportDir, "a")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"price.xls", "price (2).xls", "x.csv.gz"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mine := map[string]bool{"price (3).xls": true, "new.xls": true}
	taken := func(name string) bool { return mine[name] }
	for _, tt := range []struct {
		dir, original string
		replace       bool
		want          string
	}{
		{"a", "price.xls", false, "price (4).xls"},
		{"a", "price.xls", true, "price.xls"},
		{"a", "../new.xls", true, "new (2).xls"},
		{"a", "x.csv.gz", false, "x (2).csv.gz"},
		{"nosuch", "price.xls", false, "price.xls"},
		{"", ".hidden", false, "hidden"},
	} {
		got := Likely(d.o.ImportDir, tt.dir, tt.original, tt.replace, taken)
		chosen, err := d.Free(tt.dir, tt.original, tt.replace, taken)
		if err != nil || got != tt.want || got != chosen {
			t.Errorf("%s/%s: likely %q, want %q; Free %q, %v", tt.dir, tt.original, got, tt.want, chosen, err)
		}
	}
}
