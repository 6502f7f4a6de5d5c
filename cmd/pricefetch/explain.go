package main

import (
	"errors"

	"github.com/spf13/cobra"

	"pricefetch/internal/config"
	"pricefetch/internal/daemon"
	"pricefetch/internal/mail"
	"pricefetch/internal/match"
)

func (a *app) explainCommand() *cobra.Command {
	var mailbox, from, file, subject string
	c := &cobra.Command{
		Use:   "explain FILE.eml… | --from ADDRESS --file NAME [--subject TEXT]",
		Short: "Tell which rule takes each attachment, and why the others do not", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0 && from+file+subject != "":
				return usageError{errors.New("explain takes message files, or --from, --file and --subject, not both")}
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
				return a.explainFiles(cmd, c, mailbox, args)
			}
			return a.explainOne(c, mailbox, from, subject, file)
		},
	}
	f := c.Flags()
	f.StringVar(&mailbox, "mailbox", "", "as if the message lay in this mailbox; default: any")
	f.StringVar(&from, "from", "", "the sender's address")
	f.StringVar(&file, "file", "", "an attachment's name")
	f.StringVar(&subject, "subject", "", "the message's subject")
	return c
}

// explained is one message's decisions as JSON shows them.
type explained struct {
	Message  string          `json:"message"`
	From     []string        `json:"from"`
	Subject  string          `json:"subject"`
	Error    string          `json:"error,omitempty"`
	Refusals []refusal       `json:"refusals,omitempty"` // of the sender, where no rule wants it
	Parts    []explainedPart `json:"parts"`
}

type explainedPart struct {
	Name     string    `json:"name"`
	Type     string    `json:"type"`
	Rule     string    `json:"rule,omitempty"` // the rule that takes it
	Path     string    `json:"path,omitempty"` // below import_dir
	Disabled string    `json:"disabled,omitempty"`
	NearMiss bool      `json:"near_miss,omitempty"`
	Refusals []refusal `json:"refusals,omitempty"`

	Members []explainedMember `json:"members,omitempty"` // of an archive that the rule opens
	Error   string            `json:"error,omitempty"`   // why it cannot be opened
	archive bool
	opens   bool // it would be, if it is an archive: nobody has its content
}

// explainedMember is a file in an archive.
type explainedMember struct {
	Member string `json:"member"`
	Path   string `json:"path,omitempty"`   // below import_dir, if it is taken
	Reason string `json:"reason,omitempty"` // why it is not
}

type refusal struct {
	Rule string `json:"rule"`
	Kind string `json:"kind"`
	Text string `json:"text"`
}

func (a *app) explainFiles(cmd *cobra.Command, c *config.Config, mailbox string, files []string) error {
	var out []explained
	failed := 0
	for _, file := range files {
		e, err := daemon.Explain(cmd.Context(), c, mailbox, file)
		x := explain(file, e)
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
		return partError{text: plural(failed, "file") + " could not be read to the end"}
	}
	return nil
}

// explainOne judges a message that consists of what the flags say.
func (a *app) explainOne(c *config.Config, mailbox, from, subject, file string) error {
	rules, err := daemon.Rules(c)
	if err != nil {
		return err
	}
	if mailbox != "" {
		rules = rules.For(mailbox)
	}
	e := daemon.Explanation{Envelope: mail.Envelope{From: []string{from}, Subject: subject}}
	e.Interest = rules.Sender(e.Envelope)
	part := mail.Part{Path: "1", Name: file, Attachment: true, Named: true}
	e.Parts = []daemon.PartDecision{{Part: part, Decision: rules.File(e.Envelope, part)}}
	e.Parts[0].Dir, e.Parts[0].Name = daemon.Target(c, e.Parts[0].Decision.Rule, file)
	x := explain("", e)
	x.Parts[0].opens = e.Parts[0].Decision.Unpack
	return a.printExplained([]explained{x})
}

// explain turns decisions into what is shown.
func explain(message string, e daemon.Explanation) explained {
	x := explained{Message: message, From: e.Envelope.From, Subject: e.Envelope.Subject, Parts: []explainedPart{}}
	if len(e.Interest.Rules) == 0 {
		x.Refusals = refusals(e.Interest.Refusals)
	}
	for _, p := range e.Parts {
		part := explainedPart{
			Name: p.Part.Name, Type: p.Part.Type, Rule: p.Decision.Rule, Disabled: p.Decision.Disabled,
			NearMiss: p.Decision.NearMiss, Refusals: refusals(p.Decision.Refusals),
		}
		if part.Rule != "" {
			part.Path = path(mail.File{Dir: p.Dir, Name: p.Name})
		}
		explainArchive(&part, p)
		x.Parts = append(x.Parts, part)
	}
	return x
}

// explainArchive tells what is taken out of an archive, in place of the archive itself.
func explainArchive(part *explainedPart, p daemon.PartDecision) {
	part.archive, part.Error = p.Archive, p.Fault
	if p.Archive {
		part.Path = ""
	}
	for _, m := range p.Members {
		x := explainedMember{Member: m.Path, Reason: m.Refusal.Text}
		if m.Taken {
			x.Path = path(mail.File{Dir: p.Dir, Name: m.Name})
		}
		part.Members = append(part.Members, x)
	}
}

func refusals(all []match.Refusal) []refusal {
	var out []refusal
	for _, r := range all {
		out = append(out, refusal{r.Rule, string(r.Kind), r.Text})
	}
	return out
}

func (a *app) printExplained(all []explained) error {
	if a.output == "json" {
		return a.json(all)
	}
	for _, x := range all {
		if x.Message != "" {
			a.say("%s: ", x.Message)
		}
		a.say("from %s «%s»\n", sender(x.From), x.Subject)
		for _, r := range x.Refusals {
			a.say("  rule %s: %s\n", r.Rule, r.Text)
		}
		for _, p := range x.Parts {
			a.printPart(p, len(x.Refusals) > 0)
		}
		if len(x.Parts) == 0 && x.Error == "" {
			a.say("  no attachment\n")
		}
		if x.Error != "" {
			a.say("  FAULT: %s\n", x.Error)
		}
	}
	return nil
}

// printPart tells about one attachment; the sender's refusals are not said again for each.
func (a *app) printPart(p explainedPart, senderTold bool) {
	name := p.Name
	switch {
	case p.archive:
		a.printArchive(p)
	case p.opens:
		a.say("  «%s»: rule %s takes it: an archive is opened, anything else saved as %s\n", name, p.Rule, p.Path)
	case p.Rule != "":
		a.say("  «%s»: rule %s takes it, as %s\n", name, p.Rule, p.Path)
	case p.Disabled != "":
		a.say("  «%s»: paused: rule %s would take it and is disabled; the message is left alone\n", name, p.Disabled)
	case p.NearMiss:
		a.say("  «%s»: near miss: the sender is wanted, but nothing takes it\n", name)
	default:
		a.say("  «%s»: no rule takes it\n", name)
	}
	for _, r := range p.Refusals {
		if r.Kind == string(match.KindSender) && senderTold {
			continue
		}
		a.say("    rule %s: %s\n", r.Rule, r.Text)
	}
}

// printArchive tells about an archive that a rule opens, file by file.
func (a *app) printArchive(p explainedPart) {
	a.say("  «%s»: rule %s opens it\n", p.Name, p.Rule)
	taken := 0
	for _, m := range p.Members {
		if m.Path == "" {
			a.say("    «%s»: %s\n", m.Member, m.Reason)
			continue
		}
		taken++
		a.say("    «%s»: taken, as %s\n", m.Member, m.Path)
	}
	switch {
	case p.Error != "":
		a.say("    FAULT: %s; the message is held and nothing of the archive is saved\n", p.Error)
	case taken == 0:
		a.say("    near miss: nothing in the archive is taken\n")
	}
}
