package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// privateDisk is the real one on which nothing is readable by everybody, whatever the umask of the checkout.
func privateDisk() disk {
	d := osDisk
	d.mode = func(string) (fs.FileMode, error) { return 0o640, nil }
	return d
}

func loadGood(t *testing.T, file string) *Config {
	t.Helper()
	c, err := load(file, strictChecks(), privateDisk())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEffective(t *testing.T) {
	dir, err := filepath.Abs("testdata/good")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range samples(t, "testdata/good/*.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c := loadGood(t, file)
			got := strings.NewReplacer(dir, "/srv/pf", filepath.Dir(dir), "/srv").Replace(string(c.Effective()))
			for _, w := range c.Warnings {
				got += "# " + strings.ReplaceAll(w.String(), "testdata/good/", "") + "\n"
			}
			wantGolden(t, strings.TrimSuffix(file, ".yaml")+".want", got)
		})
	}
}

// The effective configuration loads again and means the same, apart from the secrets.
func TestEffectiveLoadsAgain(t *testing.T) {
	files := append(samples(t, "testdata/good/*.yaml"), samples(t, "../../configs/*.yaml")...)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c := loadGood(t, file)
			again := filepath.Join(t.TempDir(), "effective.yaml")
			if err := os.WriteFile(again, c.Effective(), 0o600); err != nil {
				t.Fatal(err)
			}
			c2 := loadGood(t, again)
			for _, change := range Diff(c, c2) {
				if !strings.HasSuffix(change, ": password source changed") && !strings.HasSuffix(change, ": passwords changed") {
					t.Errorf("changed: %s", change)
				}
			}
			if diff := cmp.Diff(string(c.Effective()), string(c2.Effective())); diff != "" {
				t.Errorf("the effective configuration of the effective configuration differs:\n%s", diff)
			}
		})
	}
}

func TestMinimalHasTheDocumentedDefaults(t *testing.T) {
	c := loadGood(t, "../../configs/minimal.yaml")
	want := Mailbox{
		Name: "prices", Protocol: IMAP, Host: "imap.yandex.ru", Port: 993, TLS: TLSImplicit, Username: "price@example.ru",
		Secret:  seal(source{from: fromFile, text: "/etc/pricefetch/secrets/prices"}),
		Folders: []string{"INBOX"}, Poll: 5 * time.Minute, FirstRun: FirstRun{Age: 168 * time.Hour}, Rescan: 168 * time.Hour,
		Retention: Retention{LeaveCopy: true, DeleteScope: ScopeAll, IMAPDelete: DeleteAuto, BrakePercent: 25},
		Enabled:   true, File: "../../configs/minimal.yaml", Line: 4,
	}
	if diff := cmp.Diff([]Mailbox{want}, c.Mailboxes, cmp.Comparer(Secret.Equal)); diff != "" {
		t.Errorf("mailbox (-want +got):\n%s", diff)
	}
	rule := Rule{
		Name: "autoparts", From: []string{"price@autoparts.ru", "*.autoparts.ru"}, Files: []string{"*.{xls,xlsx,csv,zip}"},
		SaveTo: "autoparts", OnConflict: ConflictRename, Take: TakeAll, Enabled: true, File: "../../configs/minimal.yaml", Line: 7,
	}
	if diff := cmp.Diff([]Rule{rule}, c.Rules); diff != "" {
		t.Errorf("rule (-want +got):\n%s", diff)
	}
	limits := Limits{Sessions: 16, PerHost: map[string]int{"*": 3}, MessageSize: 100_000_000, MinFree: 500_000_000,
		Messages: 100_000, Held: 1_000_000_000, Timeout: time.Minute, Pass: 2 * time.Hour}
	if diff := cmp.Diff(limits, c.Limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	if c.FileMode != 0o640 || c.DirMode != fs.ModeSetgid|0o750 || c.Location != time.Local {
		t.Errorf("modes %v %v, location %v", c.FileMode, c.DirMode, c.Location)
	}
	data, err := os.ReadFile(c.Path)
	if lines := strings.Count(string(data), "\n"); err != nil || lines != 10 {
		t.Errorf("minimal.yaml has %d lines, %v", lines, err)
	}
}

// What the golden files cannot show: the values behind the words.
func TestTypedValues(t *testing.T) {
	c := loadGood(t, "testdata/good/defaults.yaml")
	moscow, err := time.LoadLocation("Europe/Moscow")
	if err != nil {
		t.Fatal(err)
	}
	first, second, third := c.Mailboxes[0], c.Mailboxes[1], c.Mailboxes[2]
	if want := time.Date(2026, 11, 20, 18, 0, 0, 0, moscow); !first.FirstRun.Since.Equal(want) {
		t.Errorf("first_run = %v, want %v", first.FirstRun.Since, want)
	}
	if r := first.Retention; r.DeleteAfterDays != 0 || !r.BrakeOff || r.BrakePercent != 0 || r.IMAPDeleteFolder != "Обработано" {
		t.Errorf("retention = %+v", r)
	}
	if second.Retention != newRetention() || second.Rescan != 0 || second.Fingerprint != strings.ToLower(strings.ReplaceAll(
		"5F:EC:EB:66:FF:C8:6F:38:D9:52:78:6C:6D:69:6C:79:C2:DB:C2:39:DD:4E:91:B4:67:29:D7:3A:27:FB:57:E9", ":", "")) {
		t.Errorf("second = %+v", second)
	}
	if third.Folders != nil || third.Retention.IMAPDelete != "" || third.Port != 110 || !third.FirstRun.None {
		t.Errorf("third = %+v", third)
	}
	if got := third.Secret.Describe(); got != "secrets_dir "+filepath.Join(c.SecretsDir, "third") {
		t.Errorf("third's secret: %s", got)
	}
	if c.FileMode != 0o600 || c.DirMode != fs.ModeSticky|0o770 || c.Limits.MinFree != 0 || c.Limits.MessageSize != 1_500_000 {
		t.Errorf("file_mode %v, dir_mode %v, limits %+v", c.FileMode, c.DirMode, c.Limits)
	}
	if diff := cmp.Diff(map[string]int{"*": 3, "mail.example.ru": 1}, c.Limits.PerHost); diff != "" {
		t.Errorf("per_host: %s", diff)
	}
	if saves := []string{c.Rules[0].SaveTo, c.Rules[1].SaveTo, c.Rules[2].SaveTo}; !cmp.Equal(saves, []string{"lists", "two", ""}) {
		t.Errorf("save_to = %q", saves)
	}
	if c.Rules[1].Mailboxes != nil || !c.Rules[1].Reaches("third") || c.Rules[0].Reaches("third") {
		t.Errorf("mailboxes of rule two: %v", c.Rules[1].Mailboxes)
	}
}

func TestScalarsAreRawText(t *testing.T) {
	c := loadGood(t, "testdata/good/anchors.yaml")
	want := []string{"0123", "a #b: *c", "yes"}
	for i, m := range c.Mailboxes {
		if got, err := m.Secret.Read(t.Context()); got != want[i] || err != nil {
			t.Errorf("password of %s = %q, %v, want %q", m.Name, got, err, want[i])
		}
	}
	if got := c.Mailboxes[2].Username; got != "0777" {
		t.Errorf("username = %q", got)
	}
}

func TestIncludeOrder(t *testing.T) {
	c := loadGood(t, "testdata/good/includes.yaml")
	var rules []string
	for _, r := range c.Rules {
		rules = append(rules, r.Name)
	}
	if want := []string{"first", "from-b", "from-a"}; !cmp.Equal(rules, want) {
		t.Errorf("rules %q, want %q", rules, want)
	}
	if want := []string{"testdata/good/includes.yaml", "testdata/good/inc/b.yaml", "testdata/good/inc/a.yaml"}; !cmp.Equal(c.Files, want) {
		t.Errorf("files %q, want %q", c.Files, want)
	}
	if got := c.Mailboxes[0].CAFile; !strings.HasSuffix(got, "/testdata/good/inc/a.pem") {
		t.Errorf("ca_file = %s, want it beside the included file", got)
	}
}

func TestLoadTellsWhatCannotBeRead(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"), Checks{})
	if _, isFaults := err.(Faults); err == nil || isFaults || !strings.HasPrefix(err.Error(), "read configuration: open ") {
		t.Errorf("Load = %v", err)
	}
	big := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(big, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big, Checks{}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("Load = %v", err)
	}
}
