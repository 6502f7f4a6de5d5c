package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// shapeMark is the first line of the golden file of a sample that the JSON Schema must reject too.
const shapeMark = "# shape\n"

// strictChecks stand for the real tests of masks.
func strictChecks() Checks {
	return Checks{
		Sender: func(mask string) error {
			if strings.Contains(mask, " ") {
				return errors.New("a sender mask contains a blank")
			}
			return nil
		},
		Glob: func(mask string) error {
			if strings.Count(mask, "[") != strings.Count(mask, "]") {
				return errors.New("the mask has a [ without its ]")
			}
			return nil
		},
	}
}

func samples(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("samples %s: %d files, %v", pattern, len(files), err)
	}
	return files
}

func TestBrokenSamples(t *testing.T) {
	files := samples(t, "testdata/broken/*.yaml")
	if len(files) < 100 {
		t.Errorf("only %d broken samples", len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := Load(file, strictChecks())
			faults, ok := errors.AsType[Faults](err)
			if !ok || len(faults) == 0 {
				t.Fatalf("Load = %v, want Faults", err)
			}
			for _, f := range faults {
				if f.File == "" || f.Line < 1 || f.Col < 1 {
					t.Errorf("no place: %+v", f)
				}
			}
			got := strings.ReplaceAll(err.Error(), "testdata/broken/", "") + "\n"
			if strings.Contains(got, "hunter") {
				t.Errorf("the password is shown: %s", got)
			}
			wantGolden(t, strings.TrimSuffix(file, ".yaml")+".want", got)
		})
	}
}

// wantGolden compares with a golden file, a leading shapeMark aside.
func wantGolden(t *testing.T, file, got string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	want, marked := strings.CutPrefix(string(data), shapeMark)
	if *update {
		if marked {
			got = shapeMark + got
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
