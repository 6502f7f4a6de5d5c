package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxFile bounds a configuration file in bytes; a hundred thousand lines are less.
const maxFile = 8 << 20

// disk is what the loader needs of the file system.
type disk struct {
	read func(path string) ([]byte, error)
	glob func(pattern string) ([]string, error)
	mode func(path string) (fs.FileMode, error)
}

var osDisk = disk{
	read: readLimited,
	glob: filepath.Glob,
	mode: func(path string) (fs.FileMode, error) {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		return info.Mode(), nil
	},
}

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if len(data) > maxFile {
		return nil, fmt.Errorf("read %s: larger than %d bytes", path, maxFile)
	}
	return data, err
}

// Load reads the configuration file at path and those that it includes. The error is Faults, every fault of every
// file at once, when a file is wrong; any other error means that path cannot be read.
//
// Secrets are not read, and neither import_dir nor state_dir is looked at: a missing one is found by those who use it.
func Load(path string, check Checks) (*Config, error) {
	return load(path, check, osDisk)
}

// LoadMailboxes is Load for what can be done before there is any rule: the key rules may be missing or empty.
func LoadMailboxes(path string, check Checks) (*Config, error) {
	return (&loader{disk: osDisk, ruleless: true}).load(path, check)
}

func load(path string, check Checks, d disk) (*Config, error) {
	return (&loader{disk: d}).load(path, check)
}

func (l *loader) load(path string, check Checks) (*Config, error) {
	data, err := l.read(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	l.cfg = newConfig(path)
	l.reader = reader{faults: &l.faults, checks: check, loc: l.cfg.Location}
	if root := l.parse(path, data); root != nil {
		l.main(root)
	}
	if len(l.faults) > 0 {
		return nil, l.faults.tidy(l.cfg.Files)
	}
	l.cfg.Warnings = l.warnings.tidy(l.cfg.Files)
	return l.cfg, nil
}

// loader carries one run of Load.
type loader struct {
	disk
	reader
	cfg              *Config
	faults, warnings Faults
	defaults         *node // lie under each mailbox; nil if there are none
	ruleDefaults     *node
	ruleless         bool // there need not be any rule
	incomplete       bool // an included file could not be read: what seems to be missing may stand in it
}

// parse turns a file into nodes; nil with a fault reported if it is not a map.
func (l *loader) parse(file string, data []byte) *node {
	l.cfg.Files = append(l.cfg.Files, file)
	y, fault := decode(file, data)
	if fault != nil {
		l.faults = append(l.faults, *fault)
		return nil
	}
	b := &builder{file: file, faults: &l.faults, open: map[*yaml.Node]bool{}}
	n := b.build(y, "")
	if n.kind == nullNode {
		l.fault(n, "the file is empty", "")
		return nil
	}
	if !l.expect(n, mapNode) {
		return nil
	}
	return n
}

func (l *loader) main(root *node) {
	top := topKeys()
	if l.ruleless {
		root.fields = slices.DeleteFunc(root.fields, func(f field) bool {
			return f.name == "rules" && (f.value.kind == nullNode || f.value.kind == listNode && len(f.value.items) == 0)
		})
	}
	readTable(&l.reader, top, root, l.cfg)
	require(&l.reader, top, root)
	l.loc = l.cfg.Location
	files := append([]*node{root}, l.included(root)...)
	if f := root.get("defaults"); f != nil && f.value.kind != nullNode {
		l.defaults = f.value
		readTable(&l.reader, inheritable(mailboxKeys()), l.defaults, new(newMailbox()))
	}
	if f := root.get("rule_defaults"); f != nil && f.value.kind != nullNode {
		l.ruleDefaults = f.value
		readTable(&l.reader, inheritable(ruleKeys()), l.ruleDefaults, new(newRule()))
	}
	mailboxes, rules := l.items(files, "mailboxes"), l.items(files, "rules")
	for _, n := range mailboxes {
		l.cfg.Mailboxes = append(l.cfg.Mailboxes, l.mailbox(n))
	}
	for _, n := range rules {
		l.cfg.Rules = append(l.cfg.Rules, l.rule(n))
	}
	l.need(root, "mailboxes", len(mailboxes), "without a mailbox there is nothing to poll")
	if !l.ruleless {
		l.need(root, "rules", len(rules), "without a rule nothing would be imported; `pricefetch senders MAILBOX --yaml` writes some, from what is in the mailbox")
	}
	l.checkDirs(root)
	l.checkNames(mailboxes, rules)
	l.checkReach(rules)
	l.warn(root, mailboxes)
}

// need reports a list that no file has.
func (l *loader) need(root *node, key string, found int, hint string) {
	if found == 0 && root.get(key) == nil && !l.incomplete {
		l.faults = append(l.faults, Fault{
			File: root.file, Line: root.line, Col: root.col, Path: key, Message: "the key " + key + " is missing", Hint: hint,
		})
	}
}

// items returns the maps of a list in every file, in order.
func (l *loader) items(files []*node, key string) []*node {
	var out []*node
	for _, file := range files {
		f := file.get(key)
		switch {
		case f == nil || f.value.kind == nullNode || !l.expect(f.value, listNode):
			continue
		case len(f.value.items) == 0:
			l.fault(f.value, "the list is empty", "")
		}
		for _, item := range f.value.items {
			if item.kind == nullNode {
				l.fault(item, "the item is empty", "remove the dash")
			} else if l.expect(item, mapNode) {
				out = append(out, item)
			}
		}
	}
	return out
}

func (l *loader) mailbox(n *node) Mailbox {
	keys := mailboxKeys()
	merged := mergeDefaults(l.defaults, n)
	m := newMailbox()
	readTable(&l.reader, keys, merged, &m)
	require(&l.reader, keys, merged)
	m.File, m.Line = n.file, n.line
	l.checkProtocol(n, &m)
	l.checkSecret(n, merged, &m)
	l.checkTLS(merged, &m)
	l.checkRetention(merged, &m)
	if m.Port == 0 {
		m.Port = defaultPort(m.Protocol, m.TLS)
	}
	return m
}

func (l *loader) rule(n *node) Rule {
	keys := ruleKeys()
	merged := mergeDefaults(l.ruleDefaults, n)
	r := newRule()
	readTable(&l.reader, keys, merged, &r)
	require(&l.reader, keys, merged)
	l.checkUnpack(n, &r)
	r.File, r.Line = n.file, n.line
	switch r.SaveTo {
	case "":
		r.SaveTo = r.Name
	case ".":
		r.SaveTo = ""
	}
	return r
}

// mergeDefaults lays a mailbox or rule over the defaults. The secret keys count as one key: any of them in n
// replaces all of the defaults'.
func mergeDefaults(defaults, n *node) *node {
	if defaults == nil || defaults.kind != mapNode {
		return n
	}
	if slices.ContainsFunc(n.fields, func(f field) bool { return isSecret(f.name) }) {
		under := *defaults
		under.fields = slices.DeleteFunc(slices.Clone(defaults.fields), func(f field) bool { return isSecret(f.name) })
		defaults = &under
	}
	return overlay(defaults, n)
}

// included reads the files that the main file names.
func (l *loader) included(root *node) []*node {
	f := root.get("include")
	if f == nil || f.value.kind == nullNode {
		return nil
	}
	patterns := f.value.items
	if f.value.kind == scalarNode {
		patterns = []*node{f.value}
	} else if !l.expect(f.value, listNode) {
		return nil
	}
	var out []*node
	for _, p := range patterns {
		if !l.expect(p, scalarNode) {
			continue
		}
		for _, file := range l.matches(p) {
			if n := l.include(p, file); n != nil {
				out = append(out, n)
			}
		}
	}
	return out
}

// matches returns the files of one pattern in the order of their names. Hidden files, which editors leave behind,
// match only a pattern that asks for them. A literal path stands for itself, whether it exists or not.
func (l *loader) matches(p *node) []string {
	if p.text == "" || strings.ContainsRune(p.text, 0) {
		l.reject(p, expected("a file or a pattern", p.text))
		return nil
	}
	pattern := p.text
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(p.file), pattern)
	}
	if !strings.ContainsAny(p.text, `*?[\`) {
		return []string{pattern}
	}
	files, err := l.glob(pattern)
	if err != nil {
		l.fault(p, "the pattern is malformed", "a [ needs its ]")
		return nil
	}
	if !strings.HasPrefix(filepath.Base(pattern), ".") {
		files = slices.DeleteFunc(files, func(f string) bool { return strings.HasPrefix(filepath.Base(f), ".") })
	}
	slices.Sort(files)
	return files
}

// include reads one file, unless another pattern brought it already.
func (l *loader) include(p *node, file string) *node {
	switch {
	case file == filepath.Clean(l.cfg.Files[0]):
		l.fault(p, "the file includes itself", "")
		return nil
	case slices.Contains(l.cfg.Files, file):
		return nil
	}
	data, err := l.read(file)
	if err != nil {
		hint := ""
		if errors.Is(err, fs.ErrNotExist) {
			hint = "a pattern such as conf.d/*.yaml may match nothing, a plain path may not"
		}
		l.incomplete = true
		l.fault(p, "cannot be included: "+err.Error(), hint)
		return nil
	}
	n := l.parse(file, data)
	if n == nil {
		l.incomplete = true
		return nil
	}
	for _, f := range n.fields {
		if f.name != "mailboxes" && f.name != "rules" {
			l.unknownIncluded(n, f)
		} else if f.value.kind == nullNode {
			l.noValue(f.value, false)
		}
	}
	return n
}

func (l *loader) unknownIncluded(n *node, f field) {
	hint := didYouMean(f.name, []string{"mailboxes", "rules"})
	if topKeys().find(f.name) != nil {
		hint = "it belongs in the main file"
	}
	l.faults = append(l.faults, Fault{
		File: n.file, Line: f.line, Col: f.col, Path: join("", f.name),
		Message: "an included file has the keys mailboxes and rules only", Hint: hint,
	})
}

func defaultPort(protocol, tls string) int {
	switch {
	case protocol == IMAP && tls == TLSImplicit:
		return 993
	case protocol == IMAP:
		return 143
	case tls == TLSImplicit:
		return 995
	}
	return 110
}
