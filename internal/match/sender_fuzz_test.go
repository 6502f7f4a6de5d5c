package match

import (
	"strings"
	"testing"

	"pricefetch/internal/mail"
)

// takesSender reports whether a rule with that mask wants mail from an address.
func takesSender(t *testing.T, mask string, from ...string) bool {
	t.Helper()
	rules, err := Compile([]Rule{{Name: "r", From: []string{mask}, Files: []string{"*"}}})
	if err != nil {
		t.Fatalf("CheckSender accepts %q, Compile does not: %v", mask, err)
	}
	return len(rules.Sender(mail.Envelope{From: from}).Rules) > 0
}

// FuzzSenderMask: an accepted mask compiles; whether it takes an address does not depend on letters' case in the domain;
// "*" takes what any mask takes; and with two senders both must fit.
func FuzzSenderMask(f *testing.F) {
	for _, mask := range []string{"price@a.ru", "*@a.ru", "@a.ru", "a.ru", "*.a.ru", "*", "прайс@пример.рф", "*@xn--e1afmkfd.xn--p1ai", "a@[127.0.0.1]", `"a b"@c.ru`, "*.*", "a*@b.ru", "@"} {
		for _, address := range []string{"price@a.ru", "price@b.a.ru", "прайс@пример.рф", "a@b@a.ru", "price@a.ru.", "@a.ru", "a.ru", ""} {
			f.Add(mask, address)
		}
	}
	f.Fuzz(func(t *testing.T, mask, address string) {
		if CheckSender(mask) != nil {
			return
		}
		took := takesSender(t, mask, address)
		if at := strings.LastIndexByte(address, '@'); at >= 0 && !strings.ContainsFunc(address, func(r rune) bool { return r > 127 }) {
			if shouted := address[:at] + strings.ToUpper(address[at:]); takesSender(t, mask, shouted) != took {
				t.Errorf("%q takes %q: %v, and %q not alike", mask, address, took, shouted)
			}
		}
		if took && mask != "*" && !takesSender(t, "*", address) {
			t.Errorf("%q takes %q, * does not", mask, address)
		}
		const other = "nobody@elsewhere.example"
		if both := takesSender(t, mask, address, other); both && !(took && takesSender(t, mask, other)) {
			t.Errorf("%q takes %q with another sender that it does not take", mask, address)
		}
	})
}
