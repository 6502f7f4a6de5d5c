//go:build servers

package servers

// startPopa3d serves popa3d by connection: POP3 in the clear over mbox files, with system passwords.
func startPopa3d(m *machine) endpoint {
	m.mailUsers()
	m.systemUser("popa3d", 4004, "/var/lib/popa3d")
	m.own("/var/lib/popa3d", 0, 0) // it must not own the folder that it is locked into
	m.run("", "chgrp", "mail", "/var/mail")
	m.run("", "chmod", "2775", "/var/mail")
	m.inetd(portPOP3, "/usr/sbin/popa3d")
	m.await(portPOP3)
	return endpoint{pop3: portPOP3, store: mbox{m}}
}

// startSolid serves solid-pop3d by connection: POP3 in the clear over Maildirs, with system passwords.
func startSolid(m *machine) endpoint {
	m.mailUsers()
	m.systemUser("spop3d", 4004, "/var/lib/spop3d")
	m.mkdir("/var/lib/solid-pop3d/bulletins")
	m.write("/etc/spop3d.conf", "<Global>\nMailDropName \"Maildir\"\nMailDropType maildir\nUserOverride no\nLogStatistics no\n</Global>\n", 0o644)
	m.inetd(portPOP3, "/usr/sbin/solid-pop3d")
	m.await(portPOP3)
	return endpoint{pop3: portPOP3, store: maildir{m}}
}
