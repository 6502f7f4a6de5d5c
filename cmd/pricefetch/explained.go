package main

import (
	"pricefetch/internal/daemon"
	"pricefetch/internal/mail"
	"pricefetch/internal/match"
)

// explained is one message's decisions as JSON shows them.
type explained struct {
	Message    string          `json:"message"`
	ID         mail.RecordID   `json:"id,omitempty"` // of a message on record
	Outcome    mail.Outcome    `json:"outcome,omitempty"`
	Leftover   bool            `json:"leftover,omitempty"`
	Reason     string          `json:"reason,omitempty"`             // of the outcome
	OtherRules bool            `json:"other_rules,omitempty"`        // the outcome was judged by other rules than today's
	Unread     bool            `json:"not_fetched,omitempty"`        // its attachments are not known
	Stated     []string        `json:"stated_attachments,omitempty"` // but the server tells of these
	From       []string        `json:"from"`
	Subject    string          `json:"subject"`
	Error      string          `json:"error,omitempty"`
	Refusals   []refusal       `json:"refusals,omitempty"` // of the sender and the subject
	Parts      []explainedPart `json:"parts"`
	Links      []string        `json:"links,omitempty"`          // hosts of links to files in its text
	LinkMiss   bool            `json:"link_near_miss,omitempty"` // there is a link in place of an attachment
}

type explainedPart struct {
	Name     string      `json:"name"`
	Type     string      `json:"type"`
	Rule     string      `json:"rule,omitempty"` // the rule that takes it
	Path     string      `json:"path,omitempty"` // below import_dir, as it would be saved now
	Disabled string      `json:"disabled,omitempty"`
	NearMiss bool        `json:"near_miss,omitempty"`
	Refusals []refusal   `json:"refusals,omitempty"` // beside those of the sender
	Saved    []savedFile `json:"saved,omitempty"`    // what is on record

	Members []explainedMember `json:"members,omitempty"` // of an archive that the rule opens
	Error   string            `json:"error,omitempty"`   // why it cannot be opened
	archive bool
	opens   bool // it would be, if it is an archive: nobody has its content
}

// savedFile is what came of an attachment, or of a file in it.
type savedFile struct {
	Member string         `json:"member,omitempty"`
	Rule   string         `json:"rule"`
	Path   string         `json:"path"`
	State  mail.FileState `json:"state"`
}

// explainedMember is a file in an archive.
type explainedMember struct {
	Member  string `json:"member"`
	Path    string `json:"path,omitempty"`   // below import_dir, if it is taken
	Reason  string `json:"reason,omitempty"` // why it is not
	Suggest string `json:"suggest,omitempty"`
}

type refusal struct {
	Rule    string `json:"rule"`
	Kind    string `json:"kind"`
	Text    string `json:"text"`
	Suggest string `json:"suggest,omitempty"` // the mask or the address with which the rule would take it
}

// explain turns decisions into what is shown.
func explain(message string, e daemon.Explanation) explained {
	x := explained{Message: message, From: e.Envelope.From, Subject: e.Envelope.Subject, Parts: []explainedPart{}, Unread: e.Unread, Stated: e.Stated}
	x.Links, x.LinkMiss = e.Links, len(e.Links) > 0 && len(e.Interest.Rules) > 0
	whole := map[string]bool{} // rules that refuse the message whatever it carries
	for _, r := range e.Reasons {
		if r.Kind == "" || r.Kind == match.KindDisabled && len(e.Parts) > 0 {
			continue
		}
		whole[r.Rule] = r.Kind != match.KindDisabled
		x.Refusals = append(x.Refusals, refusalOf(r))
	}
	for _, p := range e.Parts {
		x.Parts = append(x.Parts, explainPart(p, whole))
		taken := p.Decision.Rule != "" || p.Decision.Disabled != "" || len(p.Out) > 0
		x.LinkMiss = x.LinkMiss && !taken
	}
	return x
}

func refusalOf(r match.Reason) refusal { return refusal{r.Rule, string(r.Kind), r.Text, r.Suggest} }

func explainPart(p daemon.PartDecision, whole map[string]bool) explainedPart {
	part := explainedPart{
		Name: p.Part.Name, Type: p.Part.Type, Rule: p.Decision.Rule, Disabled: p.Decision.Disabled, NearMiss: p.Decision.NearMiss,
		archive: p.Archive, Error: p.Fault,
	}
	for _, r := range p.Reasons {
		if r.Kind != "" && !whole[r.Rule] {
			part.Refusals = append(part.Refusals, refusalOf(r))
		}
	}
	if part.Rule != "" && !p.Archive {
		part.Path = path(mail.File{Dir: p.Dir, Name: p.Name})
	}
	for _, f := range p.Out {
		part.Saved = append(part.Saved, savedFile{f.Member, f.Rule, path(f), f.State})
	}
	for _, m := range p.Members {
		x := explainedMember{Member: m.Path, Reason: m.Refusal.Text, Suggest: m.Suggest}
		if m.Taken {
			x.Path = path(mail.File{Dir: p.Dir, Name: m.Name})
		}
		part.Members = append(part.Members, x)
	}
	return part
}
