//go:build servers

package servers

import (
	_ "embed"
	"strconv"
	"strings"
)

//go:embed mailutils/server.conf
var mailutilsConf string

// startMailutils starts imap4d and pop3d as daemons of their own, over mbox files, with system passwords.
func startMailutils(m *machine) endpoint {
	m.mailUsers()
	m.write("/var/mail/.keep", "", 0o600)
	m.run("", "chmod", "1777", "/var/mail")
	for _, user := range accounts {
		mbox{m}.put(user, nil)
	}
	for program, ports := range map[string][2]int{"imap4d": {portIMAP, portIMAPS}, "pop3d": {portPOP3, portPOP3S}} {
		conf := strings.NewReplacer("@DIR@", m.dir, "@PROGRAM@", program, "@PLAIN@", strconv.Itoa(ports[0]), "@TLS@", strconv.Itoa(ports[1])).Replace(mailutilsConf)
		path := m.path(program + ".conf")
		m.write(path, conf, 0o644)
		m.daemon(program, nil, "/usr/sbin/"+program, "--no-site-config", "--config-file="+path)
	}
	m.await(portIMAP)
	m.await(portPOP3)
	return endpoint{pop3: portPOP3, pop3s: portPOP3S, imap: portIMAP, imaps: portIMAPS, ca: m.path("ca.pem"), store: mbox{m}}
}
