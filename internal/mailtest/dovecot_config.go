package mailtest

import (
	"fmt"
	"os/user"
	"path/filepath"
	"strings"
)

// nobody owns the mail of a Dovecot that root started; it exists on every system.
const nobody = 65534

// config returns dovecot.conf for the given ports. Everything lies below s.dir.
func (s *Server) config(o DovecotOptions) (string, error) {
	rights, err := s.rights()
	if err != nil {
		return "", err
	}
	lines := s.settings23(o)
	if s.v24 {
		lines = s.settings24(o)
	}
	return lines + s.common(o) + rights + o.Config + "\n", nil
}

// at returns the path of one of the server's own files.
func (s *Server) at(name string) string { return filepath.Join(s.dir, name) }

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// settings23 are those that Dovecot 2.3 (Debian 12) spells in its own way.
func (s *Server) settings23(o DovecotOptions) string {
	return fmt.Sprintf(`
disable_plaintext_auth = %[1]s
default_vsz_limit = 0
ssl_cert = <%[2]s
ssl_key = <%[3]s
ssl_dh = </usr/share/dovecot/dh.pem
auth_username_format = %%u
mail_location = maildir:~/Maildir
passdb {
  driver = passwd-file
  args = username_format=%%u %[4]s/%%u
}
userdb {
  driver = passwd-file
  args = username_format=%%u %[4]s/%%u
}
`, yesNo(o.RequireTLS), s.at("cert.pem"), s.at("key.pem"), s.at("users"))
}

// settings24 are the same for Dovecot 2.4 (Debian 13).
func (s *Server) settings24(o DovecotOptions) string {
	return fmt.Sprintf(`dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
auth_allow_cleartext = %[1]s
ssl_server_cert_file = %[2]s
ssl_server_key_file = %[3]s
auth_username_format = %%{user}
mail_driver = maildir
mail_path = ~/Maildir
passdb passwd-file {
  passwd_file_path = %[4]s/%%{user}
}
userdb passwd-file {
  passwd_file_path = %[4]s/%%{user}
}
`, yesNo(!o.RequireTLS), s.at("cert.pem"), s.at("key.pem"), s.at("users"))
}

// common are the settings that both spell alike. The last switches off the growing delay after failed logins from one
// address: every test comes from the same.
func (s *Server) common(o DovecotOptions) string {
	trash := ""
	if o.Trash {
		trash = "  mailbox Trash {\n    special_use = \\Trash\n    auto = create\n  }\n"
	}
	return fmt.Sprintf(`
protocols = imap pop3
listen = %[1]s
base_dir = %[2]s
state_dir = %[2]s
log_path = %[3]s
login_greeting = %[4]s
ssl = yes
auth_mechanisms = plain login
auth_failure_delay = 0
auth_username_chars =
mail_max_userip_connections = 1000
first_valid_uid = 1
first_valid_gid = 1
namespace inbox {
  inbox = yes
  separator = /
  prefix =
%[5]s}
service imap-login {
  inet_listener imap {
    port = %[6]d
  }
  inet_listener imaps {
    port = %[7]d
    ssl = yes
  }
}
service pop3-login {
  inet_listener pop3 {
    port = %[8]d
  }
  inet_listener pop3s {
    port = %[9]d
    ssl = yes
  }
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
`, s.Host, s.at("run"), s.at("log"), s.greeting, trash, s.IMAPPort, s.IMAPSPort, s.POP3Port, s.POP3SPort)
}

// rights returns the settings of a Dovecot that an ordinary user starts: no other users, no chroot.
func (s *Server) rights() (string, error) {
	if s.root {
		return "", nil
	}
	me, err := user.Current()
	if err != nil {
		return "", fmt.Errorf("look up user: %w", err)
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		return "", fmt.Errorf("look up group: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "default_internal_user = %[1]s\ndefault_login_user = %[1]s\ndefault_internal_group = %[2]s\n",
		me.Username, group.Name)
	for _, service := range []string{"anvil", "imap-login", "pop3-login", "imap-urlauth-login", "stats"} {
		fmt.Fprintf(&b, "service %s {\n  chroot =\n}\n", service)
	}
	return b.String(), nil
}
