package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"pricefetch/internal/config"
	"pricefetch/internal/daemon"
	"pricefetch/internal/retain"
)

// connectTime bounds how long `check --connect` waits for one server.
const connectTime = 2 * time.Minute

func (a *app) checkCommand() *cobra.Command {
	var connect, noSecrets bool
	c := &cobra.Command{
		Use: "check", Short: "Check the configuration and say what it does", Args: cobra.NoArgs,
		Long: "Reads the configuration, prints the effective one with its secrets hidden, says in words what retention will\n" +
			"delete, and tries the import directory. With --connect it also logs in to each enabled mailbox and tells what the\n" +
			"server can and cannot do.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := a.load()
			if err != nil {
				return err
			}
			return a.check(cmd.Context(), config, connect, !noSecrets)
		},
	}
	c.Flags().BoolVar(&connect, "connect", false, "log in to each enabled mailbox")
	c.Flags().BoolVar(&noSecrets, "no-secrets", false, "do not read the secrets")
	return c
}

// checked is the result as JSON shows it.
type checked struct {
	Effective string         `json:"effective"`
	Retention []words        `json:"retention"`
	Notes     []string       `json:"notes,omitempty"`
	Faults    []string       `json:"faults,omitempty"`
	Mailboxes []connectedBox `json:"mailboxes,omitempty"`
}

type words struct {
	Mailbox string   `json:"mailbox"`
	Words   []string `json:"words"`
}

func (a *app) check(ctx context.Context, c *config.Config, connect, secrets bool) error {
	out := checked{Effective: string(c.Effective())}
	for _, w := range c.Warnings {
		out.Notes = append(out.Notes, w.String())
	}
	for _, m := range c.Mailboxes {
		out.Retention = append(out.Retention, words{m.Name, retain.Words(daemon.Retention(m))})
	}
	notes, faults := daemon.TryImport(c)
	out.Notes = append(out.Notes, notes...)
	for _, err := range faults {
		out.Faults = append(out.Faults, err.Error())
	}
	if secrets {
		out.Faults = append(out.Faults, missingSecrets(ctx, c)...)
	}
	if connect {
		out.Mailboxes = connectAll(ctx, c)
	}
	if err := a.printCheck(c, out); err != nil {
		return err
	}
	bad := len(out.Faults)
	for _, m := range out.Mailboxes {
		if m.Error != "" {
			bad++
		}
	}
	if bad > 0 {
		return partError{fmt.Sprintf("check found %s", plural(bad, "fault"))}
	}
	return nil
}

// missingSecrets reads every secret and forgets it.
func missingSecrets(ctx context.Context, c *config.Config) []string {
	var out []string
	for _, m := range c.Mailboxes {
		if !m.Enabled {
			continue
		}
		if _, err := m.Secret.Read(ctx); err != nil {
			out = append(out, fmt.Sprintf("mailbox %s: %v", m.Name, err))
		}
	}
	return out
}

func (a *app) printCheck(c *config.Config, out checked) error {
	if a.output == "json" {
		return a.json(out)
	}
	fmt.Fprintf(a.out, "# %s is sound. The effective configuration:\n\n%s", c.Path, out.Effective)
	fmt.Fprintln(a.out, "\nWhat retention will do:")
	for _, m := range out.Retention {
		fmt.Fprintf(a.out, "  %s:\n", m.Mailbox)
		for _, w := range m.Words {
			fmt.Fprintln(a.out, "    "+w)
		}
	}
	for _, m := range out.Mailboxes {
		a.printConnected(m)
	}
	for _, n := range out.Notes {
		fmt.Fprintln(a.out, "note:", n)
	}
	for _, f := range out.Faults {
		fmt.Fprintln(a.out, "FAULT:", f)
	}
	if len(out.Faults) == 0 {
		fmt.Fprintf(a.out, "import_dir %s works.\n", c.ImportDir)
	}
	return nil
}

// connectedBox is what a login told.
type connectedBox struct {
	Mailbox      string            `json:"mailbox"`
	Server       string            `json:"server,omitempty"`
	Error        string            `json:"error,omitempty"`
	TLS          string            `json:"tls,omitempty"`
	Certificate  string            `json:"certificate,omitempty"`
	Expires      time.Time         `json:"expires,omitzero"`
	Fingerprint  string            `json:"fingerprint,omitempty"`
	Capabilities []string          `json:"capabilities,omitempty"`
	Folders      []connectedFolder `json:"folders,omitempty"`
	Notes        []string          `json:"notes,omitempty"`
}

type connectedFolder struct {
	Name     string `json:"name"`
	Polled   bool   `json:"polled"`
	Special  string `json:"special,omitempty"`
	Messages int    `json:"messages"` // -1: not asked
	Error    string `json:"error,omitempty"`
}

// connectAll logs in to each enabled mailbox, a few at a time, within the limits of the configuration.
func connectAll(ctx context.Context, c *config.Config) []connectedBox {
	var boxes []config.Mailbox
	for _, m := range c.Mailboxes {
		if m.Enabled {
			boxes = append(boxes, m)
		}
	}
	out := make([]connectedBox, len(boxes))
	places := make(chan struct{}, 3)
	var wg sync.WaitGroup
	for i, m := range boxes {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			ctx, cancel := context.WithTimeout(ctx, connectTime)
			defer cancel()
			out[i] = connected(ctx, m)
		})
	}
	wg.Wait()
	return out
}

func connected(ctx context.Context, m config.Mailbox) connectedBox {
	box := connectedBox{Mailbox: m.Name}
	r, err := daemon.Inspect(ctx, m)
	if err != nil {
		box.Error = err.Error()
		return box
	}
	box.Server, box.TLS, box.Certificate, box.Expires = r.Address, r.TLSVersion, r.CertSubject, r.CertExpires
	box.Fingerprint, box.Capabilities, box.Notes = r.CertFingerprint, r.Capabilities, r.Notes
	for _, f := range r.Folders {
		folder := connectedFolder{Name: f.Name, Polled: f.Configured, Special: f.Special, Messages: f.Messages}
		if f.Err != nil {
			folder.Error = f.Err.Error()
			box.Error = f.Err.Error()
		}
		box.Folders = append(box.Folders, folder)
	}
	return box
}

func (a *app) printConnected(m connectedBox) {
	if m.Error != "" && m.Server == "" {
		fmt.Fprintf(a.out, "\n%s: FAULT: %s\n", m.Mailbox, m.Error)
		return
	}
	secure := "in the clear"
	if m.TLS != "" {
		secure = fmt.Sprintf("%s, %s, expires %s\n  fingerprint %s", m.TLS, m.Certificate, m.Expires.Format("2006-01-02"), m.Fingerprint)
	}
	fmt.Fprintf(a.out, "\n%s: logged in to %s\n  %s\n  capabilities: %s\n", m.Mailbox, m.Server, secure, strings.Join(m.Capabilities, " "))
	for _, f := range m.Folders {
		a.printFolder(f)
	}
	for _, n := range m.Notes {
		fmt.Fprintln(a.out, "  "+n)
	}
}

func (a *app) printFolder(f connectedFolder) {
	line := "  "
	if f.Name != "" {
		line += "folder " + printable(f.Name) + ": "
	}
	switch {
	case f.Error != "":
		line += "FAULT: " + f.Error
	case f.Messages >= 0:
		line += plural(f.Messages, "message")
	default:
		line += "not polled"
	}
	if f.Special != "" {
		line += " (" + f.Special + ")"
	}
	fmt.Fprintln(a.out, line)
}
