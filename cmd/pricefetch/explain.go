package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"pricefetch/internal/config"
	"pricefetch/internal/daemon"
	"pricefetch/internal/journal"
	"pricefetch/internal/mail"
)

func (a *app) explainCommand() *cobra.Command {
	var mailbox, from, file, subject string
	c := &cobra.Command{
		Use:   "explain FILE.eml… | ID… | --from ADDRESS --file NAME [--subject TEXT]",
		Short: "Tell which rule takes each attachment, and why the others do not", Args: cobra.ArbitraryArgs,
		Long: "explain judges messages by the rules of today's file: which rule takes which attachment under which name, why each other\n" +
			"rule does not, and which mask would. A message is a file, or one on record, by its id as in `pricefetch messages`; of a\n" +
			"file that is called like an id write ./17. Nothing is fetched and nothing is changed.",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0 && from+file+subject != "":
				return usageError{errors.New("explain takes message files and ids, or --from, --file and --subject, not both")}
			case len(args) == 0 && (from == "" || file == ""):
				return usageError{errors.New("explain what? usage: " + cmd.UseLine())}
			}
			c, err := a.load()
			if err != nil {
				return err
			}
			if mailbox != "" {
				if _, err := chosen(c, []string{mailbox}); err != nil {
					return err
				}
			}
			if len(args) > 0 {
				return a.explainAll(cmd, c, mailbox, args)
			}
			return a.explainOne(c, mailbox, mail.Envelope{From: []string{from}, Subject: subject}, file)
		},
	}
	f := c.Flags()
	f.StringVar(&mailbox, "mailbox", "", "as if the message lay in this mailbox; default: any, of one on record its own")
	f.StringVar(&from, "from", "", "the sender's address")
	f.StringVar(&file, "file", "", "an attachment's name")
	f.StringVar(&subject, "subject", "", "the message's subject")
	return c
}

// isRecordID tells an id from the name of a file.
func isRecordID(arg string) bool {
	digits := strings.TrimPrefix(arg, "#")
	return digits != "" && !strings.ContainsFunc(digits, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsDigit(r) })
}

// explainAll explains message files and messages on record, in the order given; the others go on where one fails.
func (a *app) explainAll(cmd *cobra.Command, c *config.Config, mailbox string, args []string) error {
	var out []explained
	failed := 0
	var j *journal.Journal
	for _, arg := range args {
		var x explained
		var err error
		if isRecordID(arg) && j == nil {
			if _, j, err = a.reading(cmd.Context()); err != nil {
				return err
			}
			defer j.Close()
		}
		if isRecordID(arg) {
			x, err = explainRecord(cmd, c, j, mailbox, arg)
		} else {
			var e daemon.Explanation
			e, err = daemon.Explain(cmd.Context(), c, mailbox, arg)
			x = explain(arg, e)
		}
		if err != nil {
			x.Error = err.Error()
			failed++
		}
		out = append(out, x)
	}
	if err := a.printExplained(out); err != nil {
		return err
	}
	if failed > 0 {
		return partError{text: plural(failed, "message") + " could not be read to the end"}
	}
	return nil
}

// explainRecord explains a message on record.
func explainRecord(cmd *cobra.Command, c *config.Config, j *journal.Journal, mailbox, arg string) (explained, error) {
	x := explained{Message: arg, Parts: []explainedPart{}}
	ids, err := recordIDs([]string{arg})
	if err != nil {
		return x, err
	}
	rec, err := j.Record(cmd.Context(), ids[0])
	if errors.Is(err, mail.ErrNoRecord) {
		return x, fmt.Errorf("message %d: there is none of that id; see: pricefetch messages", ids[0])
	}
	if err != nil {
		return x, err
	}
	files, err := j.Receipts(cmd.Context(), rec.ID)
	if err != nil {
		return x, err
	}
	if mailbox != "" {
		rec.Mailbox = mailbox
	}
	e, err := daemon.ExplainRecord(cmd.Context(), c, rec, files)
	x = explain(fmt.Sprintf("message %d in %s", rec.ID, strings.TrimSpace(rec.Mailbox+" "+rec.Folder)), e)
	x.ID, x.Outcome, x.Leftover, x.Reason = rec.ID, rec.Outcome, rec.Leftover, rec.Reason
	if rules, rerr := daemon.Rules(c); rerr == nil && rec.RulesHash != "" {
		x.OtherRules = rec.RulesHash != rules.For(rec.Mailbox).Hash()
	}
	return x, err
}

// explainOne judges a message that consists of what the flags say.
func (a *app) explainOne(c *config.Config, mailbox string, head mail.Envelope, file string) error {
	e, err := daemon.ExplainOne(c, mailbox, head, file)
	if err != nil {
		return err
	}
	x := explain("", e)
	x.Parts[0].opens = e.Parts[0].Decision.Unpack
	return a.printExplained([]explained{x})
}
