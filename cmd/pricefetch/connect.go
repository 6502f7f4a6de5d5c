package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"pricefetch/internal/config"
	"pricefetch/internal/daemon"
)

// connectTime bounds how long `check --connect` waits for one server.
const connectTime = 2 * time.Minute

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
			out[i] = connected(ctx, c, m)
		})
	}
	wg.Wait()
	return out
}

func connected(ctx context.Context, c *config.Config, m config.Mailbox) connectedBox {
	box := connectedBox{Mailbox: m.Name}
	r, err := daemon.Inspect(ctx, c, m)
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
		a.say("\n%s: FAULT: %s\n", m.Mailbox, m.Error)
		return
	}
	a.say("\n%s: logged in to %s\n", m.Mailbox, m.Server)
	if m.TLS != "" {
		a.say("  %s, %s, expires %s\n  fingerprint %s\n", m.TLS, m.Certificate, m.Expires.Format("2006-01-02"), m.Fingerprint)
	}
	a.say("  capabilities: %s\n", strings.Join(m.Capabilities, " "))
	for _, f := range m.Folders {
		a.printFolder(f)
	}
	for _, n := range m.Notes {
		a.say("  %s\n", n)
	}
}

func (a *app) printFolder(f connectedFolder) {
	line := "  "
	if f.Name != "" {
		line += "folder " + f.Name + ": "
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
	a.say("%s\n", line)
}
