package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"pricefetch/internal/config"
	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
)

// report prints what was saved where, why the rest was not, and what is left on the servers. It fails if the import
// directory does not hold exactly the attachments that the journal calls published.
func report(ctx context.Context, c *config.Config, j *journal.Journal, s *servers, saved int, out io.Writer) error {
	history, err := j.Files(ctx, journal.FileFilter{})
	if err != nil {
		return err
	}
	records, err := j.Records(ctx, journal.Filter{})
	if err != nil {
		return err
	}
	sent := sentFiles()
	fmt.Fprintln(out, "\nSaved, in "+c.ImportDir+":")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	published := 0
	for _, f := range history {
		if f.State != mail.FilePublished {
			fmt.Fprintf(w, "  (not again)\t%d bytes\trule %s\tfrom %s\t%s: the same file came in another mailbox\n", f.Size, f.Rule,
				strings.Join(f.From, ", "), f.Original)
			continue
		}
		published++
		if err := compare(c.ImportDir, f, sent); err != nil {
			return err
		}
		fmt.Fprintf(w, "  %s\t%d bytes\trule %s\tfrom %s\t%s\n", path.Join(f.Dir, f.Name), f.Size, f.Rule, strings.Join(f.From, ", "), f.Mailbox)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if published != saved {
		return fmt.Errorf("the passes saved %d files, the journal has %d", saved, published)
	}
	left := leftAlone(records, out)
	if err := onServers(c, s, out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\ndemo: %d files saved, %d messages left alone\n", published, left)
	return err
}

// sentFiles returns the SHA-256 of every attachment in the demo's letters.
func sentFiles() map[string]bool {
	sums := map[string]bool{}
	for _, l := range letters() {
		for _, f := range l.Files {
			sum := sha256.Sum256(f.Content)
			sums[hex.EncodeToString(sum[:])] = true
		}
	}
	return sums
}

// compare reads a saved file back: it must be what a letter carried, to the octet.
func compare(dir string, f journal.HistoryFile, sent map[string]bool) error {
	content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Dir), f.Name))
	if err != nil {
		return fmt.Errorf("read saved file back: %w", err)
	}
	sum := sha256.Sum256(content)
	if got := hex.EncodeToString(sum[:]); got != f.SHA256 || !sent[got] {
		return fmt.Errorf("compare %s: it is not what was sent (SHA-256 %s, journal %s)", f.Name, got, f.SHA256)
	}
	return nil
}

// leftAlone prints the messages from which nothing was saved and returns their number.
func leftAlone(records []mail.Record, out io.Writer) int {
	fmt.Fprintln(out, "\nLeft alone:")
	n := 0
	for _, r := range records {
		if r.Outcome == mail.Saved {
			continue
		}
		n++
		fmt.Fprintf(out, "  %s, «%s», in %s\n      %s: %s\n", strings.Join(r.From, ", "), r.Subject,
			strings.TrimSuffix(r.Mailbox+"/"+r.Folder, "/"), r.Outcome, reason(r))
	}
	return n
}

// reason is why nothing was saved: the message's own, then what the rules that want its sender say of its attachments.
func reason(r mail.Record) string {
	why := []string{r.Reason}
	for _, p := range r.Parts {
		for clause := range strings.SplitSeq(p.Reason, "; ") {
			if clause != "" && !strings.Contains(clause, "no sender mask takes") {
				why = append(why, clause)
			}
		}
	}
	return strings.Join(why, "\n      ")
}

// onServers prints how many messages each server still holds.
func onServers(c *config.Config, s *servers, out io.Writer) error {
	fmt.Fprintln(out, "\nStill on the servers:")
	for _, m := range c.Mailboxes {
		n := len(s.drop.Messages())
		if m.Protocol == config.IMAP {
			n = 0
			for _, folder := range m.Folders {
				infos, err := s.imap.Messages(m.Username, folder)
				if err != nil {
					return err
				}
				n += len(infos)
			}
		}
		fmt.Fprintf(out, "  %s (%s, leave_copy: %t): %d messages\n", m.Name, m.Protocol, m.Retention.LeaveCopy, n)
	}
	return nil
}
