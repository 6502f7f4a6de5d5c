package mailbox

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// inspectPOP3 logs in, lists and drops the connection without QUIT, so that nothing is committed.
func inspectPOP3(ctx context.Context, o Options) (Report, error) {
	s, err := connectPOP3(ctx, o)
	if err != nil {
		return Report{}, err
	}
	defer s.Close(false)
	if _, err := s.List(ctx, nil); err != nil {
		return Report{}, err
	}
	r := s.wire.report(o)
	for _, name := range slices.Sorted(maps.Keys(s.caps)) {
		r.Capabilities = append(r.Capabilities, strings.TrimSpace(name+" "+strings.Join(s.caps[name], " ")))
	}
	r.Folders = []FolderReport{{Configured: true, Messages: len(s.maildrop.refs), Octets: s.maildrop.octets}}
	if err := s.tryTOP(ctx); err != nil {
		return Report{}, err
	}
	s.noteAbilities(&r)
	s.noteExpiry(&r)
	noteProvider(&r, o.server())
	return r, nil
}

// tryTOP finds out about TOP on a server that has no CAPA to say so.
func (s *pop3Session) tryTOP(ctx context.Context) error {
	if s.caps != nil || len(s.maildrop.refs) == 0 {
		return nil
	}
	release, err := s.use(ctx)
	if err != nil {
		return err
	}
	defer release()
	_, err = s.command("TOP", s.maildrop.refs[0].Num, 0)
	if err != nil {
		if s.wire.refused == nil {
			return err
		}
		s.top = topAbsent
		return nil
	}
	s.top = topWorks
	_, err = s.readEnvelope(s.maildrop.refs[0].Num)
	return err
}

func (s *pop3Session) noteAbilities(r *Report) {
	if s.maildrop.why != "" {
		r.note("The listing is not complete, so nothing can be concluded from what it lacks: %s.", s.maildrop.why)
	}
	if s.caps == nil {
		r.note("The server has no CAPA: what it can do is found out by trying.")
	}
	if !s.maildrop.uidl {
		r.note("The server has no UIDL: messages are told apart by their headers, and only those saved in the same session can be deleted; delete_after_days has no effect on the others.")
	}
	if n := s.maildrop.repeated(); n > 0 {
		r.note("The server gives %d messages an id (UIDL) that another one has too: they are told apart by their headers, and only those saved in the same session can be deleted.", n)
	}
	switch s.top {
	case topAbsent:
		r.note("The server has no TOP: every new message is downloaded to read its header, a dry run cannot tell attachments, and only messages downloaded in the same session can be deleted.")
	case topUntried:
		if s.caps == nil {
			r.note("Whether the server has TOP will show with the first message.")
		}
	case topWorks:
	}
	if d := s.caps.loginDelay(); d > 0 {
		r.note("The server wants at least %v between two logins (LOGIN-DELAY): set poll accordingly.", d)
	}
}

// noteExpiry tells what EXPIRE means (RFC 2449 section 6.7).
func (s *pop3Session) noteExpiry(r *Report) {
	args, ok := s.caps["EXPIRE"]
	switch {
	case !ok:
		return
	case len(args) == 0:
		r.note("The server announces EXPIRE without saying after how many days.")
	case strings.EqualFold(args[0], "NEVER"):
		r.note("The server keeps mail until it is deleted (EXPIRE NEVER).")
	case args[0] == "0":
		r.note("The server does not keep mail that was downloaded (EXPIRE 0): leave_copy: true cannot be kept here. The originals are what was saved.")
	default:
		days, err := strconv.Atoi(args[0])
		if err != nil {
			r.note("The server announces EXPIRE %s, which is not a number of days.", args[0])
			return
		}
		r.note("The server itself deletes mail after %s (EXPIRE): a delete_after_days beyond that has no effect.", inDays(days))
	}
}

func inDays(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

// noteProvider tells what is known of providers whose POP3 does not do what it says.
func noteProvider(r *Report, host string) {
	switch {
	case strings.Contains(host, "yandex"):
		r.note("Yandex only hides what is deleted over POP3: it stays in the web mailbox. To delete, use protocol: imap.")
	case strings.HasSuffix(host, "gmail.com") || strings.HasSuffix(host, "googlemail.com"):
		r.note("Gmail decides by its web setting (Forwarding and POP/IMAP) whether downloaded or deleted mail is kept, archived or removed, and hides what was downloaded once. To delete reliably, use protocol: imap.")
	}
}
