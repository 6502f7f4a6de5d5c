package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
)

// historyRow is one saved file as JSON shows it.
type historyRow struct {
	Published time.Time     `json:"published"`
	Mailbox   string        `json:"mailbox"`
	Rule      string        `json:"rule"`
	Path      string        `json:"path"` // below import_dir
	Original  string        `json:"original"`
	Size      int64         `json:"size"`
	SHA256    string        `json:"sha256"`
	From      []string      `json:"from"`
	Subject   string        `json:"subject"`
	Message   mail.RecordID `json:"message"`
}

func (a *app) historyCommand() *cobra.Command {
	var mailbox, rule, since string
	var limit int
	c := &cobra.Command{
		Use: "history", Short: "Show which files were saved, the newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := sinceTime(since, time.Now())
			if err != nil {
				return err
			}
			_, j, err := a.reading(cmd.Context())
			if err != nil {
				return err
			}
			defer j.Close()
			files, err := j.Files(cmd.Context(), journal.FileFilter{Mailbox: mailbox, Rule: rule, Since: at, State: mail.FilePublished, Limit: limit})
			if err != nil {
				return err
			}
			return a.printHistory(files)
		},
	}
	f := c.Flags()
	f.StringVar(&mailbox, "mailbox", "", "only files from this mailbox")
	f.StringVar(&rule, "rule", "", "only files that this rule took")
	f.StringVar(&since, "since", "", "only files saved since then: 30d, 12h, or a date")
	f.IntVar(&limit, "limit", 100, "at most this many; 0: all")
	return c
}

func (a *app) printHistory(files []journal.HistoryFile) error {
	all, rows := []historyRow{}, [][]string{}
	for _, f := range files {
		all = append(all, historyRow{f.Published, f.Mailbox, f.Rule, path(f.File), f.Original, f.Size, f.SHA256, f.From, f.Subject, f.Record})
		rows = append(rows, []string{
			shortTime(f.Published), f.Mailbox, f.Rule, path(f.File), octets(f.Size), sender(f.From), fmt.Sprint(f.Record),
		})
	}
	if a.output == "json" {
		return a.json(all)
	}
	return a.table("nothing was saved yet", []string{"SAVED", "MAILBOX", "RULE", "FILE", "SIZE", "FROM", "MESSAGE"}, rows)
}

// outcomeNames are what --outcome takes.
var outcomeNames = []mail.Outcome{
	mail.Pending, mail.Unmatched, mail.NearMiss, mail.Baseline, mail.Paused, mail.Superseded, mail.Saved, mail.Failed, mail.Held, mail.Dismissed,
}

func (a *app) messagesCommand() *cobra.Command {
	var mailbox, from, since string
	var outcomes []string
	var limit int
	c := &cobra.Command{
		Use: "messages", Short: "Show the messages on record, the newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := sinceTime(since, time.Now())
			if err != nil {
				return err
			}
			filter := journal.Filter{Mailbox: mailbox, From: from, Since: at, Limit: limit}
			for _, o := range outcomes {
				switch {
				case o == "leftover":
					filter.Leftover = true
				case slices.Contains(outcomeNames, mail.Outcome(o)):
					filter.Outcomes = append(filter.Outcomes, mail.Outcome(o))
				default:
					return usageError{fmt.Errorf("--outcome %q: expected one of %v or leftover", o, outcomeNames)}
				}
			}
			_, j, err := a.reading(cmd.Context())
			if err != nil {
				return err
			}
			defer j.Close()
			records, err := j.Records(cmd.Context(), filter)
			if err != nil {
				return err
			}
			return a.printMessages(records)
		},
	}
	f := c.Flags()
	f.StringVar(&mailbox, "mailbox", "", "only messages of this mailbox")
	f.StringSliceVar(&outcomes, "outcome", nil, "only messages with this outcome: pending, unmatched, near_miss, baseline, paused, superseded, saved, failed, held, dismissed, leftover")
	f.StringVar(&from, "from", "", "only messages whose sender contains this")
	f.StringVar(&since, "since", "", "only messages received since then: 30d, 12h, or a date")
	f.IntVar(&limit, "limit", 100, "at most this many; 0: all")
	return c
}

// messageRow is one record as JSON shows it.
type messageRow struct {
	ID         mail.RecordID   `json:"id"`
	Mailbox    string          `json:"mailbox"`
	Folder     string          `json:"folder,omitempty"`
	ServerID   string          `json:"server_id"`
	From       []string        `json:"from"`
	Subject    string          `json:"subject"`
	Date       time.Time       `json:"date,omitzero"`
	Received   time.Time       `json:"received,omitzero"`
	FirstSeen  time.Time       `json:"first_seen"`
	MessageID  string          `json:"message_id,omitempty"`
	Size       int64           `json:"size"`
	Outcome    mail.Outcome    `json:"outcome"`
	Leftover   bool            `json:"leftover,omitempty"`
	Reason     string          `json:"reason,omitempty"`
	Failures   int             `json:"failures,omitempty"`
	Next       time.Time       `json:"next_try,omitzero"`
	Deletion   mail.Deletion   `json:"deletion"`
	Listed     bool            `json:"on_server"`
	Attachment []mail.PartNote `json:"attachments,omitempty"`
	Kept       string          `json:"kept,omitempty"`
}

func messageOf(r mail.Record) messageRow {
	return messageRow{
		r.ID, r.Mailbox, r.Ref.Folder, r.Ref.ID, r.From, r.Subject, r.Date, r.Received, r.FirstSeen, r.MessageID, r.Size, r.Outcome,
		r.Leftover, r.Reason, r.Failures, r.Next, r.Deletion, r.Listed, r.Parts, r.Kept,
	}
}

func (a *app) printMessages(records []mail.Record) error {
	all, rows := []messageRow{}, [][]string{}
	for _, r := range records {
		all = append(all, messageOf(r))
		outcome := string(r.Outcome)
		if r.Leftover {
			outcome += "+leftover"
		}
		why := r.Reason
		if r.Outcome == mail.Failed {
			why = fmt.Sprintf("failure %d, next %s: %s", r.Failures, shortTime(r.Next), r.Reason)
		}
		rows = append(rows, []string{
			fmt.Sprint(r.ID), r.Mailbox, shortTime(r.Age()), clip(sender(r.From), 40), clip(r.Subject, 40), outcome, clip(why, 80),
		})
	}
	if a.output == "json" {
		return a.json(all)
	}
	return a.table("no such message on record", []string{"ID", "MAILBOX", "RECEIVED", "FROM", "SUBJECT", "OUTCOME", "WHY"}, rows)
}

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
				if err != nil {
					return fmt.Errorf("message %d: %w", id, err)
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
		fmt.Fprintf(a.out, "message %d in %s (server id %s)\n", s.ID, printable(where), printable(s.ServerID))
		fmt.Fprintf(a.out, "  from      %s\n  subject   %s\n", printable(sender(s.From)), printable(s.Subject))
		fmt.Fprintf(a.out, "  received  %s, first seen %s, %s\n", shortTime(s.Received), shortTime(s.FirstSeen), octets(s.Size))
		fmt.Fprintf(a.out, "  outcome   %s\n", strings.TrimSuffix(fmt.Sprintf("%s: %s", s.Outcome, printable(s.Reason)), ": "))
		fmt.Fprintf(a.out, "  deletion  %s; on the server at the last listing: %v\n", s.Deletion, s.Listed)
		for _, p := range s.Attachment {
			verdict := "rule " + p.Rule
			if p.Rule == "" {
				verdict = p.Reason
			}
			fmt.Fprintf(a.out, "  attachment %s «%s»: %s\n", p.Path, printable(p.Name), printable(verdict))
		}
		for _, f := range s.Files {
			fmt.Fprintf(a.out, "  file      %s  %s  sha256 %s\n", printable(f.Path), octets(f.Size), f.SHA256)
		}
		if s.Kept != "" {
			fmt.Fprintf(a.out, "  kept      held/%s\n", s.Kept)
		}
		for _, step := range s.Steps {
			fmt.Fprintf(a.out, "  %s  %s\n", step.At.Local().Format("2006-01-02 15:04:05"), printable(step.Text))
		}
	}
	return nil
}
