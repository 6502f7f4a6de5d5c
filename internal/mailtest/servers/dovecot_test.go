//go:build servers

package servers

import "pricefetch/internal/mailtest"

// startDovecot uses the private Dovecot of the other tests, which here finds the fetched one if the host has none.
func startDovecot(m *machine) endpoint {
	s := mailtest.Dovecot(m.t, mailtest.DovecotOptions{})
	for _, name := range accounts {
		s.AddUser(name, password)
	}
	return endpoint{pop3: s.POP3Port, pop3s: s.POP3SPort, imap: s.IMAPPort, imaps: s.IMAPSPort, ca: s.CAFile, store: dovecotStore{s}}
}
