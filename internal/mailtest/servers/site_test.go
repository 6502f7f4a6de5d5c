//go:build servers

package servers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"pricefetch/internal/mailtest"
	"pricefetch/internal/poll"
)

// site is one installation of the real program.
type site struct {
	t   *testing.T
	dir string // holds import/, state/ and the configuration
	err string // what the last run said on standard error
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir()}
	for _, sub := range []string{"import", "state"} {
		if err := os.Mkdir(filepath.Join(s.dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// configure writes the configuration with one mailbox and the rules of the suppliers.
func (s *site) configure(mailbox string) {
	s.t.Helper()
	text := fmt.Sprintf("import_dir: %[1]s/import\nstate_dir: %[1]s/state\nlimits: {min_free: 1MB}\nmailboxes:\n%s%s", s.dir, mailbox, mailtest.SupplierRules)
	if err := os.WriteFile(filepath.Join(s.dir, "pricefetch.yaml"), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// run runs the program to its end and returns its status and what it printed.
func (s *site) run(args ...string) (int, string) {
	s.t.Helper()
	cmd := exec.Command(os.Getenv(envProgram), append([]string{"--config", filepath.Join(s.dir, "pricefetch.yaml")}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TZ=UTC"}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		s.t.Fatalf("run %v: %v", cmd.Args, err)
	}
	s.err = errs.String()
	return cmd.ProcessState.ExitCode(), out.String()
}

// pass is what one pass tells.
type pass struct {
	poll.Report
	Error string `json:"error"`
	Class string `json:"class"`
}

// once makes a pass and wants its exit status.
func (s *site) once(status int) pass {
	s.t.Helper()
	got, out := s.run("once", "--output", "json")
	var rows []pass
	if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != 1 || got != status {
		s.t.Fatalf("once ended with status %d, want %d and one mailbox (%v)\n%s\n%s", got, status, err, out, s.err)
	}
	return rows[0]
}

// imported returns the SHA-256 of every file in the import directory by its path.
func (s *site) imported() map[string]string {
	s.t.Helper()
	out, err := mailtest.Imported(filepath.Join(s.dir, "import"))
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}
