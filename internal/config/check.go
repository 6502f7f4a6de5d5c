package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// checkProtocol refuses the keys of the other protocol where the mailbox itself has them; inherited ones, which
// serve the other mailboxes, it drops.
func (l *loader) checkProtocol(n *node, m *Mailbox) {
	if m.Protocol != POP3 {
		return
	}
	refuseOther(l, mailboxKeys(), n, m.Protocol)
	if f := n.get("retention"); f != nil {
		refuseOther(l, retentionKeys(), f.value, m.Protocol)
	}
	m.Folders, m.Retention.IMAPDelete, m.Retention.IMAPDeleteFolder = nil, "", ""
}

func refuseOther[T any](l *loader, t table[T], n *node, protocol string) {
	for _, f := range n.fields {
		if k := t.find(f.name); k != nil && k.only != "" && k.only != protocol {
			l.at(n, f, "the key is for "+k.only+" only, and this mailbox is "+protocol, "remove it")
		}
	}
}

// at reports a fault at a key rather than at its value.
func (l *loader) at(n *node, f field, message, hint string) {
	l.faults = append(l.faults, Fault{
		File: f.value.file, Line: f.line, Col: f.col, Path: join(n.path, f.name), Message: message, Hint: hint,
	})
}

// checkSecret wants exactly one source of the password.
func (l *loader) checkSecret(n, merged *node, m *Mailbox) {
	var given []string
	var last field
	tried := false
	for _, f := range merged.fields {
		if !isSecret(f.name) || f.value.isOff() && f.value.plain {
			continue
		}
		tried = true
		if len(given) > 0 {
			last = f
		}
		given = append(given, f.name)
	}
	switch {
	case len(given) > 1:
		l.at(merged, last, fmt.Sprintf("the password has several sources: %s", strings.Join(given, ", ")), "exactly one is allowed")
	case tried:
	case l.cfg.SecretsDir != "":
		m.Secret = inDir(l.cfg.SecretsDir, m.Name)
	default:
		l.fault(n, "the mailbox has no password",
			"give one of "+strings.Join(secretNames, ", ")+", or secrets_dir at the top level")
	}
}

func (l *loader) checkTLS(n *node, m *Mailbox) {
	for _, name := range []string{"ca_file", "fingerprint", "insecure"} {
		f := n.get(name)
		switch {
		case !n.has(name) || name == "insecure" && !m.Insecure:
		case m.TLS == TLSNone:
			l.at(n, *f, "the key has no effect with tls: none", "remove it, or use tls: implicit or starttls")
		case m.Insecure && name != "insecure":
			l.at(n, *f, "the key contradicts insecure: true, which accepts any certificate", "remove one of the two")
		}
	}
}

func (l *loader) checkRetention(n *node, m *Mailbox) {
	f := n.get("retention")
	if f == nil || f.value.kind != mapNode {
		return
	}
	r, keys := m.Retention, f.value
	if r.DeleteUnmatched && r.LeaveCopy {
		l.at(keys, *keys.get("delete_unmatched"),
			fmt.Sprintf("delete_unmatched: true in mailbox %s needs leave_copy: false", quote(m.Name)),
			"add leave_copy: false, or set delete_unmatched: false")
	}
	if r.IMAPDelete == DeleteFolder && slices.Contains(m.Folders, r.IMAPDeleteFolder) {
		l.at(keys, *keys.get("imap_delete"),
			fmt.Sprintf("mailbox %s polls the folder %s, so what is moved there would be found again", quote(m.Name), quote(r.IMAPDeleteFolder)),
			"name another folder")
	}
}

// checkUnpack drops what only counts for archives from a rule that opens none: it was inherited, or is without effect.
func (l *loader) checkUnpack(n *node, r *Rule) {
	if r.Unpack {
		return
	}
	for _, name := range []string{"members", "passwords"} {
		if f := n.get(name); f != nil && !f.value.isOff() {
			l.warning(f, "the key has no effect without unpack: true", "add unpack: true, or remove it")
		}
	}
	r.Members, r.Passwords = nil, nil
}

// checkDirs keeps apart what importers see and what is ours.
func (l *loader) checkDirs(root *node) {
	c := l.cfg
	if c.ImportDir == "/" {
		l.fault(root.get("import_dir").value, "the root directory cannot be import_dir", "")
		return
	}
	for _, d := range []struct{ key, dir string }{{"state_dir", c.StateDir}, {"secrets_dir", c.SecretsDir}} {
		if c.ImportDir != "" && d.dir != "" && inside(d.dir, c.ImportDir) {
			l.fault(root.get(d.key).value, fmt.Sprintf("%s is import_dir or inside of it (%s)", d.dir, c.ImportDir),
				"importers see that directory, and received files are written to it")
		}
	}
}

// inside reports whether dir is parent or below it; both are absolute and clean.
func inside(dir, parent string) bool {
	rel, err := filepath.Rel(parent, dir)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// checkNames refuses a name that two mailboxes or two rules have, in whatever files.
func (l *loader) checkNames(mailboxes, rules []*node) {
	for _, key := range []string{"name", "formerly"} {
		l.unique("mailbox", key, mailboxes, func(i int) string { return l.cfg.Mailboxes[i].called(key) })
		l.unique("rule", key, rules, func(i int) string { return l.cfg.Rules[i].called(key) })
	}
	l.checkFormerly("mailbox", mailboxes, func(i int, key string) string { return l.cfg.Mailboxes[i].called(key) })
	l.checkFormerly("rule", rules, func(i int, key string) string { return l.cfg.Rules[i].called(key) })
}

func (m Mailbox) called(key string) string {
	if key == "formerly" {
		return m.Formerly
	}
	return m.Name
}

func (r Rule) called(key string) string {
	if key == "formerly" {
		return r.Formerly
	}
	return r.Name
}

// checkFormerly refuses a former name that somebody has now: nothing could be carried over from there.
func (l *loader) checkFormerly(what string, nodes []*node, called func(i int, key string) string) {
	present := map[string]*node{}
	for i, n := range nodes {
		if f := n.get("name"); f != nil {
			present[called(i, "name")] = f.value
		}
	}
	for i, n := range nodes {
		f, was := n.get("formerly"), called(i, "formerly")
		switch at := present[was]; {
		case f == nil || was == "" || at == nil:
		case was == called(i, "name"):
			l.fault(f.value, fmt.Sprintf("this %s still has the name %s", what, quote(was)), "remove the key, or give its name before it was renamed")
		default:
			l.fault(f.value, fmt.Sprintf("there is a %s with the name %s, at %s:%d: its records stay its own", what, quote(was), at.file, at.line),
				"remove that one if it was renamed, or the key formerly if it was not")
		}
	}
}

func (l *loader) unique(what, key string, nodes []*node, nameOf func(int) string) {
	first := map[string]*node{}
	for i, n := range nodes {
		f := n.get(key)
		if f == nil || nameOf(i) == "" {
			continue
		}
		if before, ok := first[nameOf(i)]; ok {
			has := "has the name"
			if key == "formerly" {
				has = "had the name"
			}
			l.fault(f.value, fmt.Sprintf("another %s %s %s, at %s:%d", what, has, quote(nameOf(i)), before.file, before.line), "")
			continue
		}
		first[nameOf(i)] = f.value
	}
}

// checkReach refuses a rule that names a mailbox that there is not.
func (l *loader) checkReach(rules []*node) {
	if l.incomplete {
		return
	}
	names := make([]string, 0, len(l.cfg.Mailboxes))
	known := map[string]bool{}
	for _, m := range l.cfg.Mailboxes {
		names = append(names, m.Name)
		known[m.Name] = true
	}
	for i, n := range rules {
		f := mergeDefaults(l.ruleDefaults, n).get("mailboxes")
		if f == nil {
			continue
		}
		values := f.value.items
		if f.value.kind == scalarNode {
			values = []*node{f.value}
		}
		for _, v := range values {
			if v.kind != scalarNode || v.text == "" || !slices.Contains(l.cfg.Rules[i].Mailboxes, norm.NFC.String(v.text)) || known[norm.NFC.String(v.text)] {
				continue
			}
			hint := didYouMean(v.text, names)
			for _, m := range l.cfg.Mailboxes {
				if m.Formerly == norm.NFC.String(v.text) {
					hint = "it was renamed to " + quote(m.Name)
				}
			}
			l.fault(v, "there is no mailbox "+quote(v.text), hint)
		}
	}
}

// warn notes what is allowed but unwise.
func (l *loader) warn(root *node, mailboxes []*node) {
	accounts := map[string]string{}
	for i, n := range mailboxes {
		m := &l.cfg.Mailboxes[i]
		merged := mergeDefaults(l.defaults, n)
		if m.TLS == TLSNone && !isLoopback(m.Host) {
			l.warning(merged.get("tls"), "the password goes over the network in clear", "use tls: implicit or starttls")
		}
		if m.Insecure {
			l.warning(merged.get("insecure"), "the server's certificate is not verified, and nothing is deleted from this mailbox",
				"use ca_file or fingerprint")
		}
		l.warnPort(merged, m)
		l.warnSecret(merged, m)
		account := fmt.Sprintf("%s %s:%d %s", m.Protocol, m.Host, m.Port, m.Username)
		if other, ok := accounts[account]; ok {
			l.warning(n.get("name"), fmt.Sprintf("mailbox %s polls the same account as mailbox %s", m.Name, other), "")
		} else {
			accounts[account] = m.Name
		}
		if !slices.ContainsFunc(l.cfg.Rules, func(r Rule) bool { return r.Reaches(m.Name) }) {
			l.warning(n.get("name"), fmt.Sprintf("no rule reaches mailbox %s: nothing is imported from it", m.Name), "")
		}
	}
	l.warnHosts(root)
}

// customary are the ports of RFC 8314 section 3.2 and 3.3 and of the protocols themselves.
var customary = map[int]struct{ protocol, tls string }{
	143: {IMAP, TLSStart}, 993: {IMAP, TLSImplicit}, 110: {POP3, TLSStart}, 995: {POP3, TLSImplicit},
}

// warnPort points at a port that is the customary one of something else.
func (l *loader) warnPort(n *node, m *Mailbox) {
	use, ok := customary[m.Port]
	fits := use.protocol == m.Protocol && (use.tls == m.TLS || use.tls == TLSStart && m.TLS == TLSNone)
	if ok && !fits {
		l.warning(n.get("port"), fmt.Sprintf("port %d is customary for %s with tls: %s", m.Port, use.protocol, use.tls),
			"without port the right one is taken")
	}
}

// warnHosts points at a host of limits.per_host that no mailbox has.
func (l *loader) warnHosts(root *node) {
	limits := root.get("limits")
	if limits == nil || limits.value.get("per_host") == nil {
		return
	}
	var hosts []string
	for _, m := range l.cfg.Mailboxes {
		hosts = append(hosts, m.Host)
	}
	for _, f := range limits.value.get("per_host").value.fields {
		if host, err := checkHost(f.name); f.name != anyHost && err == nil && !slices.Contains(hosts, host) {
			hint := didYouMean(host, hosts)
			l.warning(&f, "no mailbox has the host "+quote(host), hint)
		}
	}
}

// warnSecret points at passwords that every user of the machine can read or change, and at one that YAML cut. Such a
// file is used all the same: what Kubernetes and Docker mount is often like that, and no other user is there.
func (l *loader) warnSecret(n *node, m *Mailbox) {
	if path := m.Secret.file(); path != "" {
		if can := l.everyUser(path); can != "" {
			l.warning(secretField(n), fmt.Sprintf("every user can %s %s", can, path), "chmod 0640 "+path)
		}
	}
	f := n.get(fromText)
	if f == nil || m.Secret.IsZero() || m.Secret.open().from != fromText {
		return
	}
	if can := l.everyUser(f.value.file); can != "" {
		l.warning(f, "every user can "+can+" this file with its password", "chmod 0640 "+f.value.file+", or use password_file")
	}
	if f.value.plain && f.value.comment != "" {
		l.warning(f, "the password ends before #, where a comment begins", "put the password in quotes")
	}
}

// everyUser says what everybody may do with a file: "read", "change", "read and change"; "" is nothing of that. A symlink
// stands for what it leads to.
func (l *loader) everyUser(path string) string {
	mode, err := l.mode(path)
	switch {
	case err != nil || mode&0o006 == 0:
		return ""
	case mode&0o006 == 0o006:
		return "read and change"
	case mode&0o004 != 0:
		return "read"
	default:
		return "change"
	}
}

// secretField returns where the mailbox says how it gets its password, else its name.
func secretField(n *node) *field {
	for i := range n.fields {
		if isSecret(n.fields[i].name) && !n.fields[i].value.isOff() {
			return &n.fields[i]
		}
	}
	return n.get("name")
}

func (l *loader) warning(f *field, message, hint string) {
	if f == nil {
		return
	}
	l.warnings = append(l.warnings, Fault{
		File: f.value.file, Line: f.line, Col: f.col, Path: f.value.path, Message: message, Hint: hint,
	})
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
