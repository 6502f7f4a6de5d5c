package config

import (
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

// anyHost is the key of limits.per_host for the servers that are not named.
const anyHost = "*"

// placeOf tells in which section a key belongs; "" if there is no such key.
func placeOf(key string) string {
	switch {
	case key == "name", key == "formerly":
		return "in each mailbox and rule"
	case topKeys().find(key) != nil:
		return "at the top level"
	case limitKeys().find(key) != nil:
		return "below limits"
	case mailboxKeys().find(key) != nil:
		return "in a mailbox or in defaults"
	case retentionKeys().find(key) != nil:
		return "below retention"
	case ruleKeys().find(key) != nil:
		return "in a rule or in rule_defaults"
	}
	return ""
}

// topKeys are the keys of the main file. Those without a reader are read by the loader.
func topKeys() table[Config] {
	return table[Config]{
		one("import_dir", "The directory that receives the files; it must exist.", pathname(),
			func(c *Config) *string { return &c.ImportDir }).required(),
		one("state_dir", "The directory of the journal and of held messages; not inside import_dir.", pathname(),
			func(c *Config) *string { return &c.StateDir }).required(),
		one("timezone", "The time zone in which dates are read; default: the machine's.", location(),
			func(c *Config) **time.Location { return &c.Location }),
		{
			name: "include", doc: "Files or patterns of files with mailboxes: and rules: only, read in the order of their names.",
			schema: func() object { return list(nfc).schema },
		},
		one("secrets_dir", "The file in it that is named like a mailbox is its password, if the mailbox says nothing else.", pathname(),
			func(c *Config) *string { return &c.SecretsDir }).orOff(),
		one("file_mode", "The mode of saved files, whatever the umask.", mode(0o600, 0o777, "0640"),
			func(c *Config) *fs.FileMode { return &c.FileMode }),
		one("dir_mode", "The mode of created directories, whatever the umask.",
			mode(0o700, 0o777|fs.ModeSetgid|fs.ModeSticky, "2750"),
			func(c *Config) *fs.FileMode { return &c.DirMode }),
		one("group", "The group of saved files and created directories, by name or number; default: the daemon's own.",
			text(anyText), func(c *Config) *string { return &c.Group }).orOff(),
		section("limits", "Bounds on what happens at the same time, on sizes and on times.", limitKeys(),
			func() Limits { return newConfig("").Limits }, func(c *Config) *Limits { return &c.Limits }),
		{name: "defaults", doc: "Any mailbox key except name and formerly; lies under each mailbox.", schema: func() object {
			return tableSchema(inheritable(mailboxKeys()), newMailbox())
		}},
		{name: "rule_defaults", doc: "Any rule key except name and formerly; lies under each rule.", schema: func() object {
			return tableSchema(inheritable(ruleKeys()), newRule())
		}},
		{name: "mailboxes", doc: "The accounts to poll.", schema: func() object { return listSchema("mailbox") }},
		{name: "rules", doc: "What is saved, and where; the first rule that takes an attachment gets it.",
			schema: func() object { return listSchema("rule") }},
	}
}

func limitKeys() table[Limits] {
	return table[Limits]{
		one("sessions", "Mailboxes polled at the same time.", count(1, 1000), func(l *Limits) *int { return &l.Sessions }),
		one("per_host", `Sessions to one server at the same time, by host; "*" is every other host.`, perHost(),
			func(l *Limits) *map[string]int { return &l.PerHost }),
		one("message_size", "A wanted message larger than this is held.", size(1000, false),
			func(l *Limits) *int64 { return &l.MessageSize }),
		one("min_free", "With less free space in import_dir or state_dir nothing is fetched and nothing deleted.", size(0, true),
			func(l *Limits) *int64 { return &l.MinFree }),
		one("messages", "A folder or maildrop with more messages than this is not read; each new one takes some 3 KB of memory in its first pass.",
			count(100, 10_000_000), func(l *Limits) *int { return &l.Messages }),
		one("held", "What the raw messages that wait for a person may take under state_dir/held.", size(1_000_000, false),
			func(l *Limits) *int64 { return &l.Held }),
		one("timeout", "A server that is silent for so long is given up.", duration(time.Second, false),
			func(l *Limits) *time.Duration { return &l.Timeout }),
		one("pass", "What one pass over a mailbox may take; the next one goes on from there.", duration(time.Minute, false),
			func(l *Limits) *time.Duration { return &l.Pass }),
	}
}

// perHost is a map of host names to numbers, on top of the default for "*".
func perHost() kind[map[string]int] {
	number := count(1, 1000)
	return kind[map[string]int]{
		schema: object{"type": "object", "additionalProperties": number.schema},
		read: func(r *reader, n *node) (map[string]int, bool) {
			if !r.expect(n, mapNode) {
				return nil, false
			}
			out := maps.Clone(newConfig("").Limits.PerHost)
			for _, f := range n.fields {
				host := f.name
				if host != anyHost {
					var err error
					if host, err = checkHost(f.name); err != nil {
						r.reject(f.value, err)
						continue
					}
				}
				if v, ok := number.read(r, f.value); ok {
					out[host] = v
				}
			}
			return out, true
		},
		show: func(v map[string]int) *yaml.Node {
			m := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
			for _, host := range slices.Sorted(maps.Keys(v)) {
				m.Content = append(m.Content, textNode(host), plainNode(strconv.Itoa(v[host])))
			}
			return m
		},
	}
}

func mailboxKeys() table[Mailbox] {
	t := table[Mailbox]{
		one("name", "The mailbox's identity in the journal, logs and metrics: "+nameWant+".", name(),
			func(m *Mailbox) *string { return &m.Name }).required(),
		one("formerly", "The mailbox's name before it was renamed: its records are carried over.", name(),
			func(m *Mailbox) *string { return &m.Formerly }),
		one("protocol", "The protocol of the server.", choice(IMAP, POP3),
			func(m *Mailbox) *string { return &m.Protocol }).required(),
		one("host", "The server's host name or address.", text(checkHost),
			func(m *Mailbox) *string { return &m.Host }).required(),
		one("port", "The server's port; default: from protocol and tls: 993 or 143, 995 or 110.", count(1, 65535),
			func(m *Mailbox) *int { return &m.Port }).orOff(),
		one("tls", "implicit: from the first byte; starttls: by command, never optional; none: the password goes in clear.",
			choice(TLSImplicit, TLSStart, TLSNone), func(m *Mailbox) *string { return &m.TLS }),
		one("ca_file", "A PEM file of the authorities to trust instead of the system's.", pathname(),
			func(m *Mailbox) *string { return &m.CAFile }).orOff(),
		one("fingerprint", "The SHA-256 fingerprint of the server's certificate, in hex, colons allowed.", text(checkFingerprint),
			func(m *Mailbox) *string { return &m.Fingerprint }).orOff(),
		one("insecure", "Accept any certificate. Nothing is deleted from such a mailbox.", boolean(),
			func(m *Mailbox) *bool { return &m.Insecure }),
		one("username", "The account's name at the server.", text(anyText),
			func(m *Mailbox) *string { return &m.Username }).required(),
	}
	t = append(t, secretKeys()...)
	return append(t,
		one("folders", "The folders to poll, in UTF-8.", list(checkFolder),
			func(m *Mailbox) *[]string { return &m.Folders }).onlyFor(IMAP),
		one("poll", "The time between two passes.", duration(time.Second, false), func(m *Mailbox) *time.Duration { return &m.Poll }),
		one("first_run", "How far back the first poll of a folder imports: a duration, all, none, a date, or newest: for each rule its most recent letter.", firstRun(),
			func(m *Mailbox) *FirstRun { return &m.FirstRun }),
		one("rescan", "How far back changed rules look again.", duration(time.Second, true),
			func(m *Mailbox) *time.Duration { return &m.Rescan }),
		section("retention", "When messages are deleted from the server.", retentionKeys(), newRetention,
			func(m *Mailbox) *Retention { return &m.Retention }).orOff(),
		one("enabled", "false: not polled; mail that waits for it is left alone.", boolean(),
			func(m *Mailbox) *bool { return &m.Enabled }),
		one("dry_run", "Only tell what would be saved and deleted; save and delete nothing.", boolean(),
			func(m *Mailbox) *bool { return &m.DryRun }),
	)
}

func retentionKeys() table[Retention] {
	return table[Retention]{
		one("leave_copy", "false: a message is deleted once everything wanted from it is saved.", boolean(),
			func(r *Retention) *bool { return &r.LeaveCopy }),
		one("delete_unmatched", "With leave_copy: false only: messages that no rule wants are deleted too.", boolean(),
			func(r *Retention) *bool { return &r.DeleteUnmatched }),
		one("delete_after_days", "Messages received at least so many times 24 h ago are deleted, wanted or not.",
			countOrOff(1, 36500), func(r *Retention) *int { return &r.DeleteAfterDays }),
		one("delete_scope", "saved: age deletes only what was saved, for a mailbox that people use too.",
			choice(ScopeAll, ScopeSaved), func(r *Retention) *string { return &r.DeleteScope }),
		view("imap_delete", "trash: to the \\Trash folder; expunge: for good; {folder: NAME}: move there; "+
			"auto: trash where the server marks such a folder, else expunge.", imapDeleteKind(),
			func(r *Retention) imapDelete { return imapDelete{r.IMAPDelete, r.IMAPDeleteFolder} },
			func(r *Retention, v imapDelete) { r.IMAPDelete, r.IMAPDeleteFolder = v.way, v.folder }).onlyFor(IMAP),
		view("brake", "A new policy that would delete more than 20 messages and more than this share of the listed ones "+
			"waits for pricefetch approve.", brake(),
			func(r *Retention) int { return r.BrakePercent },
			func(r *Retention, v int) { r.BrakePercent, r.BrakeOff = v, v == 0 }),
	}
}

func ruleKeys() table[Rule] {
	return table[Rule]{
		one("name", "The rule's name in the journal, logs and metrics: "+nameWant+".", name(),
			func(r *Rule) *string { return &r.Name }).required(),
		one("formerly", "The rule's name before it was renamed: what it imported is carried over.", name(),
			func(r *Rule) *string { return &r.Formerly }),
		one("mailboxes", "The mailboxes to which the rule applies; default: all.", list(nfc),
			func(r *Rule) *[]string { return &r.Mailboxes }).orOff(),
		one("from", "Sender masks: price@a.ru, *@a.ru, @a.ru and a.ru (the domain itself), *.a.ru (its subdomains), *.",
			list(checkSender), func(r *Rule) *[]string { return &r.From }).required(),
		one("subject", "Masks of the subject; default: any.", list(checkGlob), func(r *Rule) *[]string { return &r.Subject }).orOff(),
		one("files", "Masks of the attachment's file name.", list(checkGlob), func(r *Rule) *[]string { return &r.Files }),
		one("exclude", "Masks of file names that the rule does not take.", list(checkGlob),
			func(r *Rule) *[]string { return &r.Exclude }).orOff(),
		one("unpack", "Open a zip, rar, 7z or gz that the rule takes, and save what is in it.", boolean(),
			func(r *Rule) *bool { return &r.Unpack }),
		one("members", "With unpack: masks of the names inside of the archive; default: all.", list(checkGlob),
			func(r *Rule) *[]string { return &r.Members }).orOff(),
		passwordsKey("passwords", "With unpack: passwords of archives, tried in their order."),
		view("save_to", "The directory below import_dir; . is import_dir itself; default: the rule's name.", text(checkSaveTo),
			func(r *Rule) string {
				if r.SaveTo == "" {
					return "."
				}
				return r.SaveTo
			}, func(r *Rule, v string) { r.SaveTo = v }).orOff(),
		one("on_conflict", `What happens when the name exists: rename makes it "name (2).xls", replace puts the new file over it.`,
			choice(ConflictRename, ConflictReplace), func(r *Rule) *string { return &r.OnConflict }),
		one("take", "newest: of the letters that wait for the rule only the most recent one is saved, and never one older than what it saved last.",
			choice(TakeAll, TakeNewest), func(r *Rule) *string { return &r.Take }),
		one("enabled", "false: its mail is left alone, neither imported nor deleted.", boolean(),
			func(r *Rule) *bool { return &r.Enabled }),
	}
}
