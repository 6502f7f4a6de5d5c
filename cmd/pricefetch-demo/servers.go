package main

import (
	"errors"
	"fmt"
	"time"

	"pricefetch/internal/config"
	"pricefetch/internal/mailtest"
)

// servers are the two embedded mail servers.
type servers struct {
	imap *mailtest.IMAP
	pop  *mailtest.POP3
	drop *mailtest.Maildrop
}

// startServers fills both servers with the letters, starts them, and writes their ports into the configuration.
func startServers(c *config.Config, now time.Time) (*servers, error) {
	s := &servers{imap: mailtest.NewIMAP(), pop: mailtest.NewPOP3(mailtest.POP3Options{})}
	if err := s.fill(c, now); err != nil {
		return nil, errors.Join(err, s.close())
	}
	for i := range c.Mailboxes {
		listen := s.pop.Listen
		if c.Mailboxes[i].Protocol == config.IMAP {
			listen = s.imap.Listen
		}
		port, err := listen()
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		c.Mailboxes[i].Port = port
	}
	return s, nil
}

// password is the one in demo.yaml.
const password = "demo"

func (s *servers) fill(c *config.Config, now time.Time) error {
	users := map[string]string{}
	for _, m := range c.Mailboxes {
		users[m.Name] = m.Username
		if m.Protocol == config.POP3 {
			s.drop = s.pop.AddUser(m.Username, password)
		} else if err := s.imap.AddUser(m.Username, password, prices); err != nil {
			return err
		}
	}
	for _, l := range letters() {
		raw, received := l.raw(now)
		if l.mailbox == popBox {
			s.drop.Add(raw)
		} else if err := s.imap.Append(users[l.mailbox], l.folder, raw, received); err != nil {
			return fmt.Errorf("fill mailbox %s: %w", l.mailbox, err)
		}
	}
	return nil
}

func (s *servers) close() error { return errors.Join(s.imap.Close(), s.pop.Close()) }
