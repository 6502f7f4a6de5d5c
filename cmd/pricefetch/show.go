package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
)

// shown is one message whole.
type shown struct {
	messageRow
	Files []historyRow `json:"files"`
	Steps []shownStep  `json:"steps"`
}

type shownStep struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show ID…", Short: "Show one message's every step", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := recordIDs(args)
			if err != nil {
				return err
			}
			_, j, err := a.reading(cmd.Context())
			if err != nil {
				return err
			}
			defer j.Close()
			var all []shown
			for _, id := range ids {
				s, err := showOne(cmd, j, id)
				if errors.Is(err, mail.ErrNoRecord) {
					return fmt.Errorf("message %d: there is none of that id; see: pricefetch messages", id)
				}
				if err != nil {
					return err
				}
				all = append(all, s)
			}
			return a.printShown(all)
		},
	}
}

func showOne(cmd *cobra.Command, j *journal.Journal, id mail.RecordID) (shown, error) {
	rec, err := j.Record(cmd.Context(), id)
	if err != nil {
		return shown{}, err
	}
	s := shown{messageRow: messageOf(rec)}
	files, err := j.Receipts(cmd.Context(), id)
	if err != nil {
		return s, err
	}
	for _, f := range files {
		s.Files = append(s.Files, historyRow{f.Published, rec.Mailbox, f.Rule, path(f), f.Original, f.Size, f.SHA256, rec.From, rec.Subject, id})
	}
	steps, err := j.Steps(cmd.Context(), id)
	for _, step := range steps {
		s.Steps = append(s.Steps, shownStep{step.At, step.Text})
	}
	return s, err
}

func (a *app) printShown(all []shown) error {
	if a.output == "json" {
		return a.json(all)
	}
	for _, s := range all {
		where := s.Mailbox
		if s.Folder != "" {
			where += " " + s.Folder
		}
		a.say("message %d in %s (server id %s)\n", s.ID, where, s.ServerID)
		a.say("  from      %s\n  subject   %s\n", sender(s.From), s.Subject)
		a.say("  received  %s, first seen %s, %s\n", shortTime(s.Received), shortTime(s.FirstSeen), octets(s.Size))
		a.say("  outcome   %s\n", strings.TrimSuffix(fmt.Sprintf("%s: %s", outcomeOf(s.Outcome, s.Leftover), s.Reason), ": "))
		a.say("  deletion  %s; at the last listing it was %s\n", s.Deletion, onServer(s.Listed))
		for _, p := range s.Attachment {
			if p.Link != "" {
				a.say("  link      to a file at %s; links are not followed\n", p.Link)
				continue
			}
			verdict := "rule " + p.Rule
			if p.Rule == "" {
				verdict = p.Reason
			}
			a.say("  attachment %s «%s»: %s\n", p.Path, p.Name, verdict)
		}
		for _, p := range s.Stated {
			a.say("  attachment «%s», as the server says: the message was not read\n", p.Name)
		}
		for _, f := range s.Files {
			a.say("  file      %s  %s  sha256 %s\n", f.Path, octets(f.Size), f.SHA256)
		}
		if s.Kept != "" {
			a.say("  kept      held/%s\n", s.Kept)
		}
		for _, step := range s.Steps {
			a.say("  %s  %s\n", step.At.Local().Format("2006-01-02 15:04:05"), step.Text)
		}
	}
	return nil
}

func onServer(listed bool) string {
	if listed {
		return "on the server"
	}
	return "not on the server"
}
