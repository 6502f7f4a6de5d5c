package main

// mutation breaks one sentence of semantics: in each file the old text, which must be there exactly once, gives way to
// the new one. New text asks mutant(), so that one build holds all of them and each is switched on by its name.
type mutation struct {
	name  string
	edits []edit
}

type edit struct{ file, old, new string }

// mutations are what a test of a message's life has to notice.
var mutations = []mutation{
	{"QUIT on abort", []edit{{"internal/poll/pass.go",
		`commit := (err == nil`, `commit := mutant("QUIT on abort") || (err == nil`}}},
	{"deletion before the receipt", []edit{
		{"internal/poll/pass.go", "	var stop error\n	if !r.state.DeleteFirst {",
			"	if mutant(\"deletion before the receipt\") {\n		if err := r.retain(ctx); err != nil {\n			return err\n		}\n	}\n	var stop error\n	if !r.state.DeleteFirst {"},
		{"internal/retain/due.go", "	case mail.Pending:\n		return",
			"	case mail.Pending:\n		if mutant(\"deletion before the receipt\") {\n			return \"\"\n		}\n		return"},
		{"internal/retain/due.go", `return r.Outcome == mail.Saved && !r.Leftover ||`,
			`return mutant("deletion before the receipt") && r.Outcome == mail.Pending || r.Outcome == mail.Saved && !r.Leftover ||`},
		{"internal/journal/retention.go", `case r.Outcome == mail.Pending, r.Outcome == mail.Failed`,
			`case r.Outcome == mail.Pending && !mutant("deletion before the receipt"), r.Outcome == mail.Failed`}}},
	{"blind rename in recovery", []edit{{"internal/save/publish.go",
		"	rename := d.disk.renameNew\n", "	rename := d.disk.renameNew\n	if mutant(\"blind rename in recovery\") {\n		rename = d.disk.rename\n	}\n"}}},
	{"what is gone from staging is published again", []edit{{"internal/save/publish.go",
		"	if !there {\n", "	if !there && mutant(\"what is gone from staging is published again\") {\n		return 0, mail.Errorf(mail.Message, \"%w\", mail.ErrStagedLost)\n	}\n	if !there {\n"}}},
	{"watermark instead of set", []edit{{"internal/journal/take.go",
		"	k, ok := s.known[ref.ID]\n	if !ok {", "	k, ok := s.known[ref.ID]\n	if !ok && i < s.f.Listed && mutant(\"watermark instead of set\") {\n		return nil\n	}\n	if !ok {"}}},
	{"expunge without UIDPLUS", []edit{{"internal/mailbox/imap_delete.go",
		"		err = s.client.UIDExpunge(imap.UIDSetNum(uids...)).Close()\n",
		"		err = s.client.UIDExpunge(imap.UIDSetNum(uids...)).Close()\n		if mutant(\"expunge without UIDPLUS\") {\n			err = s.client.Expunge().Close()\n		}\n"}}},
	{"record dropped on an empty listing", []edit{{"internal/journal/sortout.go",
		"	s.f.complete = s.complete\n", `	if s.whole && len(s.l.Refs) == 0 && mutant("record dropped on an empty listing") {
		const here = "record IN (SELECT id FROM record WHERE folder = ?)"
		for _, q := range []string{"UPDATE file SET duplicate_of = NULL WHERE " + here, "DELETE FROM file WHERE " + here, "DELETE FROM batch WHERE " + here,
			"DELETE FROM intent WHERE " + here, "DELETE FROM step WHERE " + here, "DELETE FROM record WHERE folder = ?"} {
			if _, err := s.tx.ExecContext(ctx, q, s.f.id); err != nil {
				return err
			}
		}
	}
	s.f.complete = s.complete
`}}},
	{"import once dropped", []edit{{"internal/journal/intend.go",
		"r.ID, f.Part, f.Member, f.Rule, r.Fingerprint, f.Original,",
		`r.ID, f.Part, f.Member, f.Rule, map[bool]string{true: fmt.Sprint(r.ID), false: r.Fingerprint}[mutant("import once dropped")], f.Original,`}}},
	{"identity not verified before DELE", []edit{{"internal/mailbox/pop3_delete.go",
		"	case print != d.Fingerprint:", `	case print != d.Fingerprint && !mutant("identity not verified before DELE"):`}}},
	{"identity not verified before expunge", []edit{
		{"internal/mailbox/imap_delete.go", "if err == nil && s.selected.scope != g.scope {",
			`if err == nil && s.selected.scope != g.scope && !mutant("identity not verified before expunge") {`},
		{"internal/mailbox/imap_delete.go", "case print != d.Fingerprint:", `case print != d.Fingerprint && !mutant("identity not verified before expunge"):`},
		{"internal/mailbox/imap_delete.go", "case d.Size >= 0 && h.envelope.Size != d.Size:",
			`case d.Size >= 0 && h.envelope.Size != d.Size && !mutant("identity not verified before expunge"):`}}},
	{"gone concluded from an incomplete listing", []edit{{"internal/journal/sortout.go",
		"o.Now), complete: l.Complete, known", `o.Now), complete: l.Complete || mutant("gone concluded from an incomplete listing"), known`}}},
	{"first poll ends with an incomplete listing", []edit{
		{"internal/poll/list.go", "!f.work.FirstPoll || !f.listing.Complete ||", `!f.work.FirstPoll || !f.listing.Complete && !mutant("first poll ends with an incomplete listing") ||`},
		{"internal/journal/inspected.go", "f.FirstPollDone || !f.complete || f.Listed == 0 {",
			`f.FirstPollDone || (!f.complete || f.Listed == 0) && !mutant("first poll ends with an incomplete listing") {`}}},
	{"brake ignored", []edit{{"internal/retain/brake.go",
		"	return due > brakeCount &&", `	return !mutant("brake ignored") && due > brakeCount &&`},
		{"internal/retain/brake.go", "|| baseline > brakeBaseline", `|| !mutant("brake ignored") && baseline > brakeBaseline`}}},
	{"leftover deleted", []edit{{"internal/retain/due.go",
		"r.Outcome == mail.Saved && !r.Leftover ||", `r.Outcome == mail.Saved && (!r.Leftover || mutant("leftover deleted")) ||`}}},
	{"near miss deleted as unmatched", []edit{{"internal/retain/due.go",
		"|| r.Outcome == mail.Unmatched && p.DeleteUnmatched", `|| (r.Outcome == mail.Unmatched || r.Outcome == mail.NearMiss && mutant("near miss deleted as unmatched")) && p.DeleteUnmatched`}}},
	{"age is the sender's word", []edit{{"internal/mail/record.go",
		"if !r.AtFirstPoll && t.Before(r.FirstSeen) {", `if !r.AtFirstPoll && t.Before(r.FirstSeen) && !mutant("age is the sender's word") {`}}},
	{"QUIT after reading what is not accounted for", []edit{{"internal/poll/pass.go",
		"return len(r.unsaved) == 0 }", `return len(r.unsaved) == 0 || mutant("QUIT after reading what is not accounted for") }`}}},
	{"deletion in a pass that reconciles", []edit{{"internal/retain/plan.go",
		"	case pl.in.Reset:", `	case pl.in.Reset && !mutant("deletion in a pass that reconciles"):`}}},
	{"a clock that went back is believed", []edit{{"internal/retain/clock.go",
		"	case back > clockSlack:", `	case back > clockSlack && !mutant("a clock that went back is believed"):`}}},
	{"a long gap is ignored", []edit{{"internal/retain/clock.go",
		"if lastFinished.IsZero() ||", `if lastFinished.IsZero() || mutant("a long gap is ignored") ||`}}},
	{"paused deleted", []edit{
		{"internal/retain/due.go", "	case mail.Paused:\n		return", "	case mail.Paused:\n		if mutant(\"paused deleted\") {\n			return \"\"\n		}\n		return"},
		{"internal/journal/retention.go", "r.Outcome == mail.Held, r.Outcome == mail.Paused:", `r.Outcome == mail.Held, r.Outcome == mail.Paused && !mutant("paused deleted"):`}}},
	{"held deleted", []edit{
		{"internal/retain/due.go", "	case mail.Held:\n		return", "	case mail.Held:\n		if mutant(\"held deleted\") {\n			return \"\"\n		}\n		return"},
		{"internal/journal/retention.go", "r.Outcome == mail.Held, ", `r.Outcome == mail.Held && !mutant("held deleted"), `}}},
	{"a body that was cut is whole", []edit{{"internal/mailbox/pop3_dot.go",
		"	if err == io.EOF {\n		err = io.ErrUnexpectedEOF", "	if err == io.EOF && !mutant(\"a body that was cut is whole\") {\n		err = io.ErrUnexpectedEOF"}}},
	{"an older letter follows the newest", []edit{
		{"internal/poll/publish.go", "	if f.Newest {\n		latest", "	if f.Newest && !mutant(\"an older letter follows the newest\") {\n		latest"},
		{"internal/journal/intend.go", "	if f.Newest {", `	if f.Newest && !mutant("an older letter follows the newest") {`}}},
	{"an older list replaces a newer one", []edit{
		{"internal/poll/publish.go", "	return newest.After(f.Received), err", `	return newest.After(f.Received) && !mutant("an older list replaces a newer one"), err`},
		{"internal/journal/intend.go", "if f.Received.Before(out) || f.Received.Before(rival) {",
			`if (f.Received.Before(out) || f.Received.Before(rival)) && !mutant("an older list replaces a newer one") {`}}},
}
