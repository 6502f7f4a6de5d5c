package journal

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"pricefetch/internal/mail"
)

func clock() time.Time { return start }

func TestOpenKeepsItsID(t *testing.T) {
	// Characters that mean something in a URI.
	path := filepath.Join(t.TempDir(), "состояние 100% #1?a=b", "journal.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range 2 {
		j, err := Open(t.Context(), path, clock)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, j.ID())
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !regexp.MustCompile("^[0-9a-f]{16}$").MatchString(ids[0]) || ids[0] != ids[1] {
		t.Errorf("ids %q", ids)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("%v, %v: others may read it", info.Mode(), err)
	}
	other := newFixture(t)
	if other.ID() == ids[0] {
		t.Error("two journals with one id")
	}
}

func TestSettings(t *testing.T) {
	x := newFixture(t)
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000",
		"user_version": "2", "application_id": "1346792050"} {
		var got string
		x.ok(x.w.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got))
		equal(t, name, got, want)
	}
}

func TestStaging(t *testing.T) {
	x := newFixture(t)
	for _, want := range []string{"", "one", "two"} {
		if want != "" {
			x.ok(x.SetStaging(t.Context(), want))
		}
		got, err := x.Staging(t.Context())
		x.ok(err)
		equal(t, "token", got, want)
	}
}

func TestOpenRefuses(t *testing.T) {
	// database makes a SQLite file with the given statements.
	database := func(t *testing.T, path string, statements ...string) {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, s := range statements {
			if _, err := db.ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
	}
	// filled makes a sound journal, then changes its bytes.
	filled := func(change func(b []byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			x := polled(t, numbered(1, 500)...)
			x.ok(x.Journal.Close())
			b, err := os.ReadFile(x.path)
			x.ok(err)
			x.ok(os.WriteFile(path, change(b), 0o600))
		}
	}
	tests := map[string]struct {
		make func(t *testing.T, path string)
		want []string
	}{
		"text": {func(t *testing.T, path string) {
			os.WriteFile(path, []byte("прайс-лист; не база"), 0o600)
		}, []string{"damaged or not a journal", "restore a backup", "first_run"}},
		"short":            {func(t *testing.T, path string) { os.WriteFile(path, []byte("SQLite"), 0o600) }, []string{"damaged or not a journal"}},
		"header only":      {filled(func(b []byte) []byte { return b[:16] }), []string{"restore a backup"}},
		"cut in half":      {filled(func(b []byte) []byte { return b[:len(b)/2] }), []string{"restore a backup"}},
		"zeros within":     {filled(func(b []byte) []byte { clear(b[len(b)/2 : len(b)/2+8192]); return b }), []string{"damaged", "restore a backup"}},
		"foreign":          {func(t *testing.T, path string) { database(t, path, "PRAGMA application_id = 77", "CREATE TABLE x (y)") }, []string{"another program", "0x4d", "restore a backup"}},
		"foreign unmarked": {func(t *testing.T, path string) { database(t, path, "CREATE TABLE x (y)") }, []string{"another program"}},
		"newer": {func(t *testing.T, path string) {
			database(t, path, "PRAGMA application_id = 1346792050", "PRAGMA user_version = 3", "CREATE TABLE x (y)")
		}, []string{"version 3", "up to 2", "newer program"}},
		"a directory": {func(t *testing.T, path string) { os.Mkdir(path, 0o700) }, []string{"directory"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.db")
			tt.make(t, path)
			before, _ := os.ReadFile(path)
			_, err := Open(t.Context(), path, clock)
			wantErr(t, err, append(tt.want, path)...)
			if mail.ClassOf(err) != mail.Storage {
				t.Errorf("class %v", mail.ClassOf(err))
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the refused file was changed")
			}
		})
	}
}

func TestOpenWithoutDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "нет", "journal.db")
	_, err := Open(t.Context(), path, clock)
	if !errors.Is(err, os.ErrNotExist) || mail.ClassOf(err) != mail.Storage {
		t.Errorf("error %v", err)
	}
	_, err = OpenReadOnly(t.Context(), path)
	wantErr(t, err, path, "the first run of the daemon makes it")
}

// A process killed before its first transaction leaves an empty file, which is no reason to refuse.
func TestOpenEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenReadOnly(t.Context(), path)
	wantErr(t, err, "version 0", "start the daemon once")
	j, err := Open(t.Context(), path, clock)
	if err != nil {
		t.Fatal(err)
	}
	j.Close()
}

func TestReadOnlyBesideTheWriter(t *testing.T) {
	x := polled(t, "1")
	r, err := OpenReadOnly(t.Context(), x.path)
	x.ok(err)
	defer r.Close()
	equal(t, "id", r.ID(), x.ID())
	x.judge("1", mail.Unmatched)
	got, err := r.Record(t.Context(), 1)
	x.ok(err)
	equal(t, "outcome, as the writer left it a moment ago", got.Outcome, mail.Unmatched)

	// A reader in the middle of its rows holds nobody up, and sees one state of the journal.
	rows, err := r.r.QueryContext(t.Context(), "SELECT outcome FROM record")
	x.ok(err)
	x.judge("1", mail.NearMiss)
	for rows.Next() {
		var o mail.Outcome
		x.ok(rows.Scan(&o))
		equal(t, "outcome in the older view", o, mail.Unmatched)
	}
	x.ok(rows.Close())

	wantErr(t, r.Judge(t.Context(), []mail.RecordID{1}, mail.Judgement{Outcome: mail.Baseline}, x.time), "reading only")
	_, err = r.SortOut(t.Context(), box, listing(), x.options())
	wantErr(t, err, "reading only")
	if _, err := r.r.ExecContext(t.Context(), "DELETE FROM record"); err == nil {
		t.Error("the reader's connection can write")
	}
	equal(t, "outcome", x.by("1").Outcome, mail.NearMiss)
}

func TestReadOnlyWithoutTheWriter(t *testing.T) {
	x := polled(t, "1")
	x.ok(x.Journal.Close())
	r, err := OpenReadOnly(t.Context(), x.path)
	x.ok(err)
	rs, err := r.Records(t.Context(), Filter{})
	x.ok(err)
	equal(t, "records", ids(rs), "1")
	x.ok(r.Close())
	x.open()
}

// A full disk is nobody's fault but the disk's, and the journal works again when there is room.
func TestFullDisk(t *testing.T) {
	x := polled(t, "1")
	var pages int
	x.ok(x.w.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages))
	set := func(n int) {
		_, err := x.w.ExecContext(t.Context(), "PRAGMA max_page_count = "+numbered(n, n)[0])
		x.ok(err)
	}
	set(pages)
	_, err := x.SortOut(t.Context(), box, listing(numbered(1, 2000)...), x.options())
	wantErr(t, err, "sort out listing of prices/INBOX", x.path, "make room")
	if mail.ClassOf(err) != mail.Storage {
		t.Errorf("class %v", mail.ClassOf(err))
	}
	equal(t, "records", len(x.all()), 1)
	set(1 << 30)
	x.sort(listing(numbered(1, 2000)...))
	equal(t, "records", len(x.all()), 2000)
}

func TestCancelledContext(t *testing.T) {
	x := polled(t, "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := x.Judge(ctx, []mail.RecordID{1}, mail.Judgement{Outcome: mail.Unmatched}, x.time)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	x.judge("1", mail.NearMiss)
	equal(t, "outcome", x.by("1").Outcome, mail.NearMiss)
}
