package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

// released are the SHA-256 of the scripts that journals out there were made with. A script is never edited: what is to
// be changed is a new script, with its hash added here.
var released = []string{
	"0a46a0353bfc09fd22ae2c86fa953d43aed693711cde59e04c5c56d072e64fbf",
	"158787a59cf0d708a5b89b2cc605c5872959211c74cab299b51037b40cd7f914",
}

func TestReleasedScriptsAreNotEdited(t *testing.T) {
	scripts := migrations()
	if len(scripts) != len(released) {
		t.Fatalf("%d scripts, %d hashes: add the hash of a new script", len(scripts), len(released))
	}
	for i, script := range scripts {
		sum := sha256.Sum256([]byte(script))
		equal(t, fmt.Sprintf("SHA-256 of the script that makes version %d", i+1), hex.EncodeToString(sum[:]), released[i])
	}
}

// next are today's scripts and one more, as the next version will have: a column, and an index on what is there.
func next() []string {
	return append(migrations(), "ALTER TABLE record ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'; CREATE INDEX record_colour ON record (colour, fingerprint);"+
		"UPDATE record SET colour = 'blue' WHERE id % 2 = 0")
}

// copyName is the name of the n-th copy before the migration to next.
func copyName(path string, n int) string {
	name := fmt.Sprintf("%s.before-v%d", path, len(next()))
	if n > 1 {
		name += fmt.Sprintf(".%d", n)
	}
	return name
}

// TestMain is also the program that migrates a journal, for tests that kill it or take its disk away.
func TestMain(m *testing.M) {
	path := os.Getenv("MIGRATE_JOURNAL")
	if path == "" {
		os.Exit(m.Run())
	}
	j, err := open(context.Background(), path, clock, driverName, next())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := j.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// wantMigrated opens the journal with the next version and wants every record in it.
func wantMigrated(t *testing.T, path string, records []mail.Record) {
	t.Helper()
	j, err := open(t.Context(), path, clock, driverName, next())
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var blue int
	if err := j.w.QueryRowContext(t.Context(), "SELECT count(*) FROM record WHERE colour = 'blue'").Scan(&blue); err != nil {
		t.Fatal(err)
	}
	equal(t, "records that the script changed", blue, len(records)/2)
	got, err := j.Records(t.Context(), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "records", got, records)
}

// wantCopy wants a whole copy of the journal as it was.
func wantCopy(t *testing.T, path string, records []mail.Record) {
	t.Helper()
	old, err := OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	got, err := old.Records(t.Context(), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "records of the copy", got, records)
	origin, err := old.Origin(t.Context())
	if err != nil || !origin.Copied.Equal(start) {
		t.Errorf("the copy takes itself for %+v, %v", origin, err)
	}
}

// besides lists the files beside the journal, its own apart.
func besides(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains([]string{"journal.db", "journal.db-wal", "journal.db-shm"}, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestMigrate(t *testing.T) {
	x := polled(t, numbered(1, 20)...)
	records := x.all()
	beside, err := openReadOnly(t.Context(), x.path, next())
	if err == nil {
		beside.Close()
	}
	wantErr(t, err, "journal has version", "start the daemon once")
	x.ok(x.Journal.Close())
	wantMigrated(t, x.path, records)
	wantCopy(t, copyName(x.path, 1), records)
	equal(t, "files beside the journal", besides(t, x.path), []string{filepath.Base(copyName(x.path, 1))})
	wantMigrated(t, x.path, records) // a second start changes nothing
	equal(t, "files beside the journal", len(besides(t, x.path)), 1)
	for name, open := range map[string]func() (*Journal, error){
		"Open":         func() (*Journal, error) { return Open(t.Context(), x.path, clock) },
		"OpenReadOnly": func() (*Journal, error) { return OpenReadOnly(t.Context(), x.path) },
	} {
		_, err := open()
		wantErr(t, err, fmt.Sprintf("journal has version %d", len(next())), "install the newer program", "restore a backup")
		if !errors.Is(err, ErrUnusable) {
			t.Errorf("%s: error %v is not ErrUnusable", name, err)
		}
	}
	if info, err := os.Stat(copyName(x.path, 1)); err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("the copy has mode %v, %v", info.Mode(), err)
	}
}

func TestFailedMigrationStoresNothing(t *testing.T) {
	x := polled(t, "1")
	bad := append(migrations(), "ALTER TABLE record ADD COLUMN colour TEXT; SELECT nonsense FROM nowhere")
	for range 3 {
		wantErr(t, migrate(t.Context(), x.w.DB, x.path, bad, x.time), fmt.Sprintf("migrate to version %d", len(bad)))
	}
	version, err := pragma(t.Context(), x.w.DB, "user_version")
	x.ok(err)
	equal(t, "version", version, len(migrations()))
	if _, err := x.w.ExecContext(t.Context(), "SELECT colour FROM record"); err == nil {
		t.Error("half of the migration stayed")
	}
	// One copy of one state; another state has a copy of its own.
	equal(t, "copies", besides(t, x.path), []string{filepath.Base(copyName(x.path, 1))})
	before, err := os.ReadFile(copyName(x.path, 1))
	x.ok(err)
	x.pass(time.Minute)
	wantErr(t, migrate(t.Context(), x.w.DB, x.path, bad, x.time), "migrate to version")
	equal(t, "copies", besides(t, x.path), []string{filepath.Base(copyName(x.path, 1)), filepath.Base(copyName(x.path, 2))})
	after, err := os.ReadFile(copyName(x.path, 1))
	x.ok(err)
	if string(after) != string(before) {
		t.Error("the first copy was changed")
	}
}

// What stands under a copy's name and is none is not replaced either.
func TestMigrateBesideADamagedCopy(t *testing.T) {
	x := polled(t, "1", "2")
	records := x.all()
	x.ok(x.Journal.Close())
	x.ok(os.WriteFile(copyName(x.path, 1), []byte("half a copy"), 0o600))
	wantMigrated(t, x.path, records)
	wantCopy(t, copyName(x.path, 2), records)
	if b, err := os.ReadFile(copyName(x.path, 1)); err != nil || string(b) != "half a copy" {
		t.Errorf("%q, %v", b, err)
	}
}

// straced runs this test's binary as the program that migrates, with a fault injected, and returns what it said.
func straced(t *testing.T, path string, inject ...string) (said string, failed bool) {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: install it (apt-get install strace), or run `make test`, which does")
	}
	args := []string{"-f", "-qq", "-o", os.DevNull}
	for _, i := range inject {
		call, _, _ := strings.Cut(i, ":")
		args = append(args, "-e", "trace="+call, "-e", "inject="+i)
	}
	cmd := exec.Command(strace, append(args, os.Args[0])...)
	cmd.Env = append(os.Environ(), "MIGRATE_JOURNAL="+path)
	out, err := cmd.CombinedOutput()
	return string(out), err != nil
}

// TestMigrationKilled kills a migration at one system call after the other: the next start ends it, no record is lost,
// and a whole copy of the journal as it was is there.
func TestMigrationKilled(t *testing.T) {
	killed := 0
	for call, most := range map[string]int{"pwrite64": 70, "fsync": 6, "renameat2": 1, "openat": 40} {
		stride := max(1, most/8)
		for n := 1; n <= most; n += stride {
			t.Run(fmt.Sprintf("%s-%d", call, n), func(t *testing.T) {
				x := polled(t, numbered(1, 100)...)
				records := x.all()
				x.ok(x.Journal.Close())
				if _, failed := straced(t, x.path, fmt.Sprintf("%s:signal=KILL:when=%d", call, n)); failed {
					killed++
				}
				wantMigrated(t, x.path, records)
				names := besides(t, x.path)
				equal(t, "files beside the journal", names, []string{filepath.Base(copyName(x.path, 1))})
				wantCopy(t, copyName(x.path, 1), records)
			})
		}
	}
	if killed < 10 {
		t.Errorf("only %d migrations were killed: the calls are others than this test thinks", killed)
	}
}

// TestMigrationOnFullDisk: without room, for the copy or for what comes after it, nothing is lost, and the error says what
// to do.
func TestMigrationOnFullDisk(t *testing.T) {
	copies := 0
	for _, when := range []string{"12+", "15+", "20+", "30+"} {
		t.Run(when, func(t *testing.T) {
			x := polled(t, numbered(1, 100)...)
			records := x.all()
			x.ok(x.Journal.Close())
			said, failed := straced(t, x.path, "pwrite64:error=ENOSPC:when="+when)
			if failed && !regexp.MustCompile("make room|it is full or failing").MatchString(said) {
				t.Errorf("it says %q", said)
			}
			if strings.Contains(said, "copy journal to "+copyName(x.path, 1)) { // the calls of each thread are counted
				copies++
				if names := besides(t, x.path); len(names) != 0 {
					t.Errorf("%q is left beside the journal", names)
				}
			}
			wantMigrated(t, x.path, records)
			wantCopy(t, copyName(x.path, 1), records)
			equal(t, "files beside the journal", len(besides(t, x.path)), 1)
		})
	}
	if copies == 0 {
		t.Error("no disk was full in the copy: the calls are others than this test thinks")
	}
}
