package poll_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pricefetch/internal/archive"
	"pricefetch/internal/mail"
	"pricefetch/internal/mailtest"
	"pricefetch/internal/match"
	"pricefetch/internal/poll"
)

// opener is what daemon builds: archives with the passwords of the rule.
type opener struct{ passwords []string }

func (o opener) Unpack(ctx context.Context, _, name string, content mail.Content, sink mail.MemberSink) (bool, error) {
	return archive.New(archive.DefaultLimits(), o.passwords).Unpack(ctx, name, content, sink)
}

// memory is a scratch file in memory.
type memory struct{ b []byte }

func newMemory() (poll.Scratch, error)        { return &memory{}, nil }
func (m *memory) Write(b []byte) (int, error) { m.b = append(m.b, b...); return len(b), nil }
func (m *memory) ReadAt(b []byte, off int64) (int, error) {
	return bytes.NewReader(m.b).ReadAt(b, off)
}
func (m *memory) Size() int64  { return int64(len(m.b)) }
func (m *memory) Close() error { return nil }

// unpacking is a house whose only rule opens archives.
func unpacking(h *house, members ...string) {
	h.pass.Archives, h.pass.Scratch = opener{}, newMemory
	h.rules = []match.Rule{{Name: "autoparts", From: []string{"*@autoparts.ru"}, Files: []string{"*.{zip,csv,xlsx}"}, Unpack: true, Members: members}}
}

func withFiles(id string, files ...mailtest.Attachment) string {
	return string(mailtest.Message(mailtest.MessageOptions{From: supplier, ID: id + "@autoparts.ru", Subject: id, Files: files}))
}

func entry(name string, content []byte) mailtest.Member {
	return mailtest.Member{Name: name, Content: content}
}

func attached(name string, content []byte) mailtest.Attachment {
	return mailtest.Attachment{Name: name, Content: content}
}

// sample is an archive that a real program made.
func sample(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "archive", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// nothingStaged checks that the staging directory holds no file.
func (h *house) nothingStaged() {
	h.t.Helper()
	left, err := filepath.Glob(filepath.Join(h.dir, "import", ".pricefetch", "*", "staged-*"))
	if err != nil || len(left) > 0 {
		h.t.Errorf("%v, still staged: %q", err, left)
	}
}

// The members of an archive are saved in its place, under names that are distinct; then the message is done with.
func TestMembersAreSaved(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.Retention.LeaveCopy = false
		unpacking(h, "*.csv")
		box := mailtest.ZipCP866(entry("Прайсы/остатки.csv", []byte("1")), entry("остатки.csv", []byte("2")),
			entry("условия.txt", []byte("3")), entry("../../остатки.csv", []byte("4")))
		id := h.server.add(withFiles("1", attached("прайс.zip", box), attached("plain.csv", []byte("5"))), h.now)
		h.mustRun()
		h.wantFiles("autoparts/plain.csv", "autoparts/остатки (2).csv", "autoparts/остатки (3).csv", "autoparts/остатки.csv")
		h.wantOutcome(id, mail.Saved)
		h.nothingStaged()
		receipts, err := h.journal.Receipts(t.Context(), h.records()[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		var members []string
		for _, f := range receipts {
			members = append(members, f.Member+"="+f.Original)
		}
		want := []string{"Прайсы/остатки.csv=остатки.csv", "остатки.csv=остатки.csv", "остатки.csv#2=остатки.csv", "=plain.csv"}
		if !slices.Equal(members, want) {
			t.Errorf("receipts %q, want %q", members, want)
		}
		h.mustRun()
		h.wantOnServer(false, id)
	})
}

// What is no archive is saved as it is, and an archive in the archive is opened.
func TestDocumentsAndNestedArchives(t *testing.T) {
	h := newHouse(t, "imap")
	unpacking(h)
	rows := mailtest.Rows(1, 3)
	inner := mailtest.Zip(entry("list.csv", []byte("1")), entry("list.xlsx", mailtest.XLSX(rows)))
	id := h.server.add(withFiles("1", attached("price.xlsx", mailtest.XLSX(rows)), attached("text.zip", []byte("no archive")),
		attached("outer.zip", mailtest.Zip(entry("inner.zip", inner)))), h.now)
	h.mustRun()
	h.wantFiles("autoparts/list.csv", "autoparts/list.xlsx", "autoparts/price.xlsx", "autoparts/text.zip")
	h.wantOutcome(id, mail.Saved)
	h.nothingStaged()
}

// An archive without a fitting member is a near miss that lists them; it is judged by the names on record when the
// masks change, and read again only when one of them fits.
func TestNothingInTheArchiveFits(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.pass.Retention.LeaveCopy = false
		unpacking(h, "*.xls")
		id := h.server.add(withFiles("1", attached("price.zip", mailtest.Zip(entry("a/list.csv", []byte("1")), entry("b.txt", []byte("2"))))), h.now)
		h.mustRun()
		h.wantOutcome(id, mail.NearMiss)
		if rec := h.records()[0]; !strings.Contains(rec.Reason, "«price.zip (no members mask takes a/list.csv, b.txt)»") {
			t.Errorf("reason %q", rec.Reason)
		}
		h.wantOnServer(true, id)
		h.rules[0].Members = []string{"*.pdf"}
		h.mustRun()
		h.wantOutcome(id, mail.NearMiss)
		if h.server.fetched[id] != 1 {
			t.Errorf("read %d times", h.server.fetched[id])
		}
		h.rules[0].Members = []string{"list.*"}
		h.mustRun()
		h.wantFiles("autoparts/list.csv")
		h.wantOutcome(id, mail.Saved)
	})
}

// A message whose plain attachment is saved and whose archive has nothing that fits keeps a mark, and its copy.
func TestArchiveIsLeftOver(t *testing.T) {
	h := newHouse(t, "imap")
	h.pass.Retention.LeaveCopy = false
	unpacking(h, "*.csv")
	id := h.server.add(withFiles("1", attached("a.csv", []byte("1")), attached("b.zip", mailtest.Zip())), h.now)
	h.mustRun()
	h.mustRun()
	h.wantFiles("autoparts/a.csv")
	if rec := h.records()[0]; !rec.Leftover || !strings.Contains(rec.Reason, "b.zip (it holds no files)") {
		t.Errorf("leftover %v, reason %q", rec.Leftover, rec.Reason)
	}
	h.wantOnServer(true, id)
}

// An archive that cannot be opened is held with the raw message kept; the sound attachments are out, nothing of the
// archive is. Once its password is known, retry saves the rest. No password is shown anywhere.
func TestArchiveThatCannotBeOpened(t *testing.T) {
	cut := mailtest.Zip(entry("a.csv", []byte("1")), entry("b.csv", []byte("2")))
	for name, tt := range map[string]struct {
		content []byte
		says    string
	}{
		"encrypted": {sample(t, "aes256.zip"), "passwords: in rule autoparts"},
		"damaged":   {cut[:len(cut)-30], "damaged"},
		"half":      {wrongSum(cut), "b.csv: content is damaged"},
		"method":    {sample(t, "lzma.zip"), "LZMA"},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, h *house) {
				h.pass.Retention.LeaveCopy = false
				unpacking(h)
				h.pass.Archives = opener{[]string{"hush-hush"}}
				id := h.server.add(withFiles("1", attached("price.zip", tt.content), attached("plain.csv", []byte("5"))), h.now)
				h.mustRun()
				h.mustRun()
				h.wantFiles("autoparts/plain.csv")
				h.wantOutcome(id, mail.Held)
				h.wantOnServer(true, id)
				h.nothingStaged()
				rec := h.records()[0]
				if rec.Kept == "" || !strings.Contains(rec.Reason, "«price.zip» cannot be unpacked") || !strings.Contains(rec.Reason, tt.says) {
					t.Errorf("%s: kept %q, reason %q", name, rec.Kept, rec.Reason)
				}
				if strings.Contains(h.output.String()+rec.Reason, "hush-hush") {
					t.Errorf("%s: a password is shown", name)
				}
				if name != "encrypted" {
					return
				}
				h.pass.Archives = opener{[]string{"hush-hush", "secret"}}
				if _, err := h.journal.Retry(t.Context(), rec.ID, h.now); err != nil {
					t.Fatal(err)
				}
				h.mustRun()
				h.wantFiles("autoparts/plain.csv", "autoparts/Остатки.csv", "autoparts/Прайс.csv")
				h.wantOutcome(id, mail.Saved)
			})
		})
	}
}

// wrongSum is a zip whose last member does not come to its checksum.
func wrongSum(b []byte) []byte {
	out := bytes.Clone(b)
	out[bytes.LastIndex(out, []byte("PK\x01\x02"))+16] ^= 1
	return out
}

// fullLater is an import directory whose disk is full for the n-th file.
type fullLater struct {
	poll.Import
	left *int
}

func (d fullLater) Stage(ctx context.Context, r io.Reader, limit int64) (mail.Staged, error) {
	if *d.left--; *d.left < 0 {
		return mail.Staged{}, mail.Errorf(mail.Storage, "stage file: %w", errors.New("no space left on device"))
	}
	return d.Import.Stage(ctx, r, limit)
}

// A full disk in the middle of an archive ends the pass and blames no message; the next one saves everything once.
func TestDiskFullInAnArchive(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		unpacking(h)
		id := h.server.add(withFiles("1", attached("price.zip", mailtest.Zip(entry("a.csv", []byte("1")), entry("b.csv", []byte("2"))))), h.now)
		left := 2
		h.disk = func(i poll.Import) poll.Import { return fullLater{i, &left} }
		if _, err := h.run(); mail.ClassOf(err) != mail.Storage {
			t.Fatalf("pass: %v", err)
		}
		h.wantFiles()
		h.nothingStaged()
		if rec := h.records()[0]; rec.Outcome != mail.Pending || rec.Failures+rec.Losses != 0 {
			t.Errorf("%s, %d failures, %d losses", rec.Outcome, rec.Failures, rec.Losses)
		}
		left = 100
		h.mustRun()
		h.wantFiles("autoparts/a.csv", "autoparts/b.csv")
		h.wantOutcome(id, mail.Saved)
	})
}

// A dry run tells what would come out of an archive, and leaves nothing behind.
func TestPlanLooksIntoArchives(t *testing.T) {
	h := newHouse(t, "imap")
	unpacking(h, "*.csv", "*.zip")
	inner := mailtest.Zip(entry("in.csv", []byte("3")))
	h.server.add(withFiles("1", attached("price.zip", mailtest.Zip(entry("x/a.csv", []byte("1")), entry("inner.zip", inner)))), h.now)
	h.server.add(withFiles("2", attached("other.zip", mailtest.Zip(entry("a.xls", []byte("1"))))), h.now)
	h.server.add(withFiles("3", attached("locked.zip", sample(t, "aes256.zip"))), h.now)
	p := h.build()
	h.t.Cleanup(h.shut)
	plan, err := p.Plan(t.Context(), h.journal)
	if err != nil {
		t.Fatal(err)
	}
	var save []string
	for _, f := range plan.Folders[0].Save {
		save = append(save, f.File+"="+f.Member)
	}
	if want := []string{"a.csv=x/a.csv", "in.csv=inner.zip/in.csv"}; !slices.Equal(save, want) {
		t.Errorf("save %q, want %q", save, want)
	}
	leave := plan.Folders[0].Leave
	if len(leave) != 2 || leave[0].Outcome != mail.NearMiss || !strings.Contains(leave[0].Reason, "a.xls") ||
		leave[1].Outcome != mail.Held || !strings.Contains(leave[1].Reason, "encrypted") {
		t.Errorf("%+v", leave)
	}
	h.nothingStaged()
}
