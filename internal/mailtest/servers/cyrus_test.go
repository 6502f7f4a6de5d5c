//go:build servers

package servers

import (
	_ "embed"
	"strings"
)

// Two more services of Cyrus: POP3 that wants a minute between two logins, and IMAP that takes no password in the clear.
const (
	portDelay  = 1110
	portSecret = 1143
)

//go:embed cyrus/imapd.conf
var imapdConf string

//go:embed cyrus/cyrus.conf
var cyrusConf string

// startCyrus starts Cyrus with its users in sasldb and its own spool.
func startCyrus(m *machine) endpoint {
	m.systemUser("cyrus", 4001, "/var/spool/cyrus")
	conf := strings.ReplaceAll(imapdConf, "@DIR@", m.dir)
	m.write("/etc/imapd.conf", conf, 0o644)
	m.write("/etc/imapd-delay.conf", conf+"popminpoll: 1\n", 0o644)
	m.write("/etc/imapd-secret.conf", strings.Replace(conf, "allowplaintext: yes", "allowplaintext: no", 1), 0o644)
	m.write("/etc/cyrus.conf", cyrusConf, 0o644)
	for _, dir := range []string{"/var/lib/cyrus", "/var/spool/cyrus/mail", "/run/cyrus/proc", "/run/cyrus/lock", "/run/cyrus/socket"} {
		m.mkdir(dir)
	}
	realm := strings.TrimSpace(m.run("", "hostname"))
	for _, user := range append([]string{"cyrus"}, accounts...) {
		m.run(password, "saslpasswd2", "-p", "-c", "-f", "/etc/sasldb2", "-u", realm, user)
	}
	m.own("/etc/sasldb2", 4001, 4001)
	for _, dir := range []string{"/var/lib/cyrus", "/var/spool/cyrus", "/run/cyrus"} {
		m.own(dir, 4001, 4001)
	}
	m.daemon("cyrus", nil, "/usr/lib/cyrus/bin/master", "-M", "/etc/cyrus.conf", "-C", "/etc/imapd.conf", "-p", "/run/cyrus/master.pid", "-L", m.path("master.log"))
	m.await(portIMAP)
	m.await(portPOP3)
	admin := dial(m.t, portIMAP)
	defer admin.close()
	admin.ok(admin.imap("LOGIN cyrus %s", password))
	for _, user := range accounts {
		admin.ok(admin.imap("CREATE user/%s", user))
	}
	return endpoint{pop3: portPOP3, pop3s: portPOP3S, imap: portIMAP, imaps: portIMAPS, ca: m.path("ca.pem"), store: cyrusSpool{m}}
}
