package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
)

// outcomeNames are what --outcome takes.
var outcomeNames = mail.Outcomes()

func outcomeList() string {
	var names []string
	for _, o := range outcomeNames {
		names = append(names, string(o))
	}
	return strings.Join(names, ", ")
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
					return usageError{fmt.Errorf("--outcome %q: expected %s or leftover", o, outcomeList())}
				}
			}
			c, j, err := a.reading(cmd.Context())
			if err != nil {
				return err
			}
			defer j.Close()
			if err := errors.Join(atLeastNone(limit), knownMailbox(cmd.Context(), c, j, mailbox)); err != nil {
				return err
			}
			records, err := j.Records(cmd.Context(), filter)
			if err != nil {
				return err
			}
			return a.printMessages(records)
		},
	}
	f := c.Flags()
	f.StringVar(&mailbox, "mailbox", "", "only messages of this mailbox")
	f.StringSliceVar(&outcomes, "outcome", nil, "only messages with this outcome: "+outcomeList()+" or leftover")
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
	Stated     []mail.PartNote `json:"stated_attachments,omitempty"` // of a message that was not read: the server's word
}

func messageOf(r mail.Record) messageRow {
	return messageRow{
		r.ID, r.Mailbox, r.Ref.Folder, r.Ref.ID, r.From, r.Subject, r.Date, r.Received, r.FirstSeen, r.MessageID, r.Size, r.Outcome,
		r.Leftover, r.Reason, r.Failures, r.Next, r.Deletion, r.Listed, r.Parts, r.Kept, r.Stated,
	}
}

func outcomeOf(o mail.Outcome, leftover bool) string {
	if leftover {
		return string(o) + "+leftover"
	}
	return string(o)
}

func (a *app) printMessages(records []mail.Record) error {
	all, rows := []messageRow{}, [][]string{}
	for _, r := range records {
		all = append(all, messageOf(r))
		why := r.Reason
		if r.Outcome == mail.Failed {
			why = fmt.Sprintf("failure %d, next %s: %s", r.Failures, shortTime(r.Next), r.Reason)
		}
		rows = append(rows, []string{
			fmt.Sprint(r.ID), r.Mailbox, shortTime(r.Age()), clip(sender(r.From), 40), clip(r.Subject, 40), outcomeOf(r.Outcome, r.Leftover), clip(why, 80),
		})
	}
	if a.output == "json" {
		return a.json(all)
	}
	return a.table("no message on record is like that", []string{"ID", "MAILBOX", "RECEIVED", "FROM", "SUBJECT", "OUTCOME", "WHY"}, rows)
}
