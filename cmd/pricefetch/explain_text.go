package main

import (
	"strings"

	"pricefetch/internal/mail"
	"pricefetch/internal/match"
)

func (a *app) printExplained(all []explained) error {
	if a.output == "json" {
		return a.json(all)
	}
	for _, x := range all {
		if x.Message != "" {
			a.say("%s: ", x.Message)
		}
		a.say("from %s «%s»\n", sender(x.From), x.Subject)
		a.printOutcome(x)
		for _, p := range x.Parts {
			a.printPart(p)
		}
		switch {
		case x.Unread && len(x.Stated) > 0:
			a.say("  nothing of it was fetched; the server says that it has «%s»\n", strings.Join(x.Stated, "», «"))
		case x.Unread:
			a.say("  its attachments are not known: nothing of it was fetched\n")
		case len(x.Parts) == 0 && x.Error == "":
			a.say("  no attachment\n")
		}
		a.printLinks(x)
		a.printRefusals(x.Refusals)
		if x.Error != "" {
			a.say("  FAULT: %s\n", x.Error)
		}
	}
	return nil
}

// printOutcome tells what is on record of a message; what follows is today's rules.
func (a *app) printOutcome(x explained) {
	if x.Outcome == "" {
		return
	}
	a.say("  on record as %s\n", strings.TrimSuffix(outcomeOf(x.Outcome, x.Leftover)+": "+x.Reason, ": "))
	if x.OtherRules {
		a.say("  that was by other rules; today's say:\n")
	}
}

// printLinks tells that a file is not attached but linked to.
func (a *app) printLinks(x explained) {
	switch hosts := strings.Join(x.Links, ", "); {
	case x.LinkMiss:
		a.say("  near miss: its text has a link to a file (%s), and nothing is attached that a rule takes; links are not followed\n", hosts)
	case len(x.Links) > 0:
		a.say("  its text has a link to a file (%s); links are not followed\n", hosts)
	}
}

// fewRules is how many rules' reasons of one kind are told one by one; an installation may have thousands.
const fewRules = 8

// printRefusals tells why rules refuse a message whatever it carries, those first that nearly did not.
func (a *app) printRefusals(all []refusal) {
	told, left := 0, 0
	for _, near := range []bool{true, false} {
		for _, r := range all {
			switch {
			case (r.Suggest != "") != near:
			case near || told < fewRules:
				told++
				a.say("  rule %s: %s\n", r.Rule, r.Text+remedy(r))
			default:
				left++
			}
		}
	}
	if left > 0 {
		a.say("  and %s do not want it either; --output json names them\n", plural(left, "more rule"))
	}
}

// remedy says what would have to stand in the rule, as far as that can be told.
func remedy(r refusal) string {
	switch {
	case r.Suggest == "":
		return ""
	case r.Kind == string(match.KindSender):
		return ": is it a colleague? then add under from: \"" + r.Suggest + "\""
	default:
		return ": did you mean `" + r.Suggest + "`?"
	}
}

// printPart tells about one attachment.
func (a *app) printPart(p explainedPart) {
	name := p.Name
	switch {
	case len(p.Saved) > 0:
		a.say("  «%s»:\n", name)
		for _, f := range p.Saved {
			a.printSaved(f)
		}
		return
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
		text := r.Text
		if r.Kind == string(match.KindMask) {
			text = "the sender matches, but " + text
		}
		a.say("    rule %s: %s\n", r.Rule, text+remedy(r))
	}
}

// printSaved tells what came of an attachment when its message was judged.
func (a *app) printSaved(f savedFile) {
	what := ""
	if f.Member != "" {
		what = "«" + f.Member + "»: "
	}
	switch f.State {
	case mail.FilePublished:
		a.say("    %srule %s took it, as %s\n", what, f.Rule, f.Path)
	case mail.FileDuplicate:
		a.say("    %srule %s did not save it again: the same file of the same letter went out before\n", what, f.Rule)
	case mail.FileSuperseded:
		a.say("    %srule %s did not save it: a newer %s is out\n", what, f.Rule, f.Path)
	default:
		a.say("    %srule %s takes it, as %s: not published yet\n", what, f.Rule, f.Path)
	}
}

// printArchive tells about an archive that a rule opens, file by file.
func (a *app) printArchive(p explainedPart) {
	a.say("  «%s»: rule %s opens it\n", p.Name, p.Rule)
	taken := 0
	for _, m := range p.Members {
		if m.Path == "" {
			a.say("    «%s»: %s\n", m.Member, m.Reason+remedy(refusal{Suggest: m.Suggest}))
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
