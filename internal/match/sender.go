package match

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// senderMask is a compiled sender mask. The forms are disjoint: any, or a domain, with an address or its subdomains.
type senderMask struct {
	written string
	any     bool   // *
	local   string // folded; "" where every address of the domain counts
	domain  string // canonical
	sub     bool   // *.a.ru: the subdomains of domain, not domain itself
}

const senderForms = `write price@a.ru, *@a.ru, @a.ru, a.ru, *.a.ru (subdomains) or *`

// CheckSender tells what is wrong with a sender mask. Its forms are price@a.ru; *@a.ru, @a.ru and a.ru for a domain
// itself; *.a.ru for its subdomains; * for everybody, mail without a readable From included. Domains may be
// written in Unicode or in Punycode (RFC 5891).
func CheckSender(mask string) error {
	_, err := parseSender(mask)
	return err
}

func parseSender(mask string) (senderMask, error) {
	bad := func(why string) (senderMask, error) {
		return senderMask{}, fmt.Errorf("sender mask «%s» %s: %s", shown(mask), why, senderForms)
	}
	m := senderMask{written: mask}
	if mask == "*" {
		m.any = true
		return m, nil
	}
	local, domain, addressed := cutAddress(mask)
	switch {
	case mask == "":
		return bad("is empty")
	case !utf8.ValidString(mask):
		return bad("is not UTF-8")
	case utf8.RuneCountInString(mask) > maxMask:
		return bad(fmt.Sprintf("is longer than %d characters", maxMask))
	case strings.ContainsAny(mask, "<>,;") || strings.ContainsFunc(mask, unprintable):
		return bad("is no plain address")
	case strings.ContainsAny(domain, "@ ") || strings.Contains(local, " ") && !quoted(local):
		return bad("is no plain address")
	}
	if addressed && local != "*" {
		if m.local = foldLocal(local); m.local == "" && local != "" {
			return bad("has an empty name before the @")
		}
	} else if rest, ok := strings.CutPrefix(domain, "*."); ok && !addressed {
		m.sub, domain = true, rest
	}
	if strings.Contains(m.local, "*") || strings.ContainsAny(domain, "*?[]{}") && !literal(domain) {
		return bad("has a wildcard in another place")
	}
	if m.domain = canonicalDomain(domain); !plausibleDomain(m.domain) {
		return bad("has no usable domain")
	}
	return m, nil
}

// cutAddress splits at the last @, which a quoted local part may hold too (RFC 5322 section 3.4.1). Without an @ all of
// it is the domain.
func cutAddress(address string) (local, domain string, addressed bool) {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return "", address, false
	}
	return address[:i], address[i+1:], true
}

func unprintable(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }

func quoted(local string) bool {
	return len(local) > 1 && local[0] == '"' && local[len(local)-1] == '"'
}

// foldLocal makes local parts comparable. Letter case counts nowhere in practice, whatever RFC 5321 section 2.4 allows.
func foldLocal(local string) string {
	if quoted(local) {
		local = local[1 : len(local)-1]
	}
	return fold(local)
}

// literal reports whether domain is an address literal like [192.0.2.1] (RFC 5322 section 3.4.1).
func literal(domain string) bool {
	inner, ok := strings.CutPrefix(domain, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	return ok && closed && !strings.ContainsAny(inner, "*?[]{}")
}

func plausibleDomain(domain string) bool {
	return domain != "" && !strings.HasPrefix(domain, ".") && !strings.Contains(domain, "..")
}

// canonicalDomain returns domain in Punycode and lower case, without a root dot. Senders' domains are what they are,
// underscores and overlong labels too, so nothing is refused: what IDNA cannot map is folded.
func canonicalDomain(domain string) string {
	profile := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false),
		idna.CheckHyphens(false), idna.VerifyDNSLength(false))
	canonical, err := profile.ToASCII(domain)
	if err != nil {
		canonical = fold(domain)
	}
	return strings.TrimSuffix(canonical, ".")
}

func compileSenders(masks []string) ([]senderMask, error) {
	if len(masks) == 0 {
		return nil, errors.New(`from: no sender is named: write "*" for everybody`)
	}
	var compiled []senderMask
	var faults []error
	for _, text := range masks {
		m, err := parseSender(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("from: %w", err))
		}
		compiled = append(compiled, m)
	}
	return compiled, errors.Join(faults...)
}

// canonicalSenders returns masks so that equal sets are equal lists.
func canonicalSenders(masks []senderMask) []string {
	texts := make([]string, len(masks))
	for i, m := range masks {
		switch {
		case m.any:
			texts[i] = "*"
		case m.sub:
			texts[i] = "*." + m.domain
		default:
			texts[i] = m.local + "@" + m.domain
		}
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// address is one address of From, made comparable.
type address struct {
	written       string
	local, domain string
}

// addresses prepares the From addresses of one message.
func addresses(from []string) []address {
	list := make([]address, 0, len(from))
	for _, text := range from {
		a := address{written: text}
		if local, domain, ok := cutAddress(strings.TrimSpace(text)); ok && domain != "" {
			a.local, a.domain = foldLocal(local), canonicalDomain(domain)
		}
		list = append(list, a)
	}
	return list
}

func (m senderMask) takes(a address) bool {
	switch {
	case m.any:
		return true
	case a.domain == "":
		return false
	case m.sub:
		return strings.HasSuffix(a.domain, "."+m.domain)
	default:
		return a.domain == m.domain && (m.local == "" || a.local == m.local)
	}
}

// refusedSender returns the first address that none of masks takes. A message without any address is taken by *
// alone.
func refusedSender(masks []senderMask, from []address) (written string, refused bool) {
	if len(from) == 0 {
		return "", !slices.ContainsFunc(masks, func(m senderMask) bool { return m.any })
	}
	for _, a := range from {
		if !slices.ContainsFunc(masks, func(m senderMask) bool { return m.takes(a) }) {
			return a.written, true
		}
	}
	return "", false
}
