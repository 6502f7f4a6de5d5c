//go:build servers

package servers

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed courier/serve.sh
var courierServe string

// courierUser runs Courier's login processes.
const courierUser = 4002

// startCourier starts Courier's authdaemond with its users in userdb, and a couriertcpd for each port, over Maildirs.
func startCourier(m *machine) endpoint {
	m.systemUser("courier", courierUser, "/var/lib/courier")
	m.mkdir("/run/courier/authdaemon")
	m.own("/run/courier", courierUser, courierUser)
	var users strings.Builder
	for _, name := range accounts {
		m.systemUser(name, uidOf(name), home(name)) // what watches the files for Courier wants a name
		fmt.Fprintf(&users, "%s\tuid=%d|gid=%d|home=%s|systempw=%s\n", name, uidOf(name), uidOf(name), home(name), passwordHash)
	}
	m.write("/etc/courier/userdb", users.String(), 0o600)
	m.run("", "makeuserdb")
	m.run("", "sed", "-i", `s/^authmodulelist=.*/authmodulelist="authuserdb"/`, "/etc/courier/authdaemonrc")
	serve := m.path("serve.sh")
	m.write(serve, courierServe, 0o755)
	for _, service := range []string{"auth", "imap", "imaps", "pop3", "pop3s"} {
		m.daemon("courier-"+service, []string{"CERTIFICATE=" + m.path("both.pem")}, serve, service)
	}
	for _, user := range accounts { // Courier wants a Maildir before the first login
		maildir{m}.put(user, nil)
	}
	m.await(portIMAP)
	m.await(portPOP3)
	return endpoint{pop3: portPOP3, pop3s: portPOP3S, imap: portIMAP, imaps: portIMAPS, ca: m.path("ca.pem"), store: maildir{m}}
}
