package mailtest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
)

// Streamed is a mailbox whose messages are written anew whenever they are asked for, so that each may be of any size. Any
// user and password will do, and nothing is ever deleted. Over IMAP the UIDs are the numbers; over POP3 the UIDLs are "a",
// "b" and so on.
type Streamed []func(w io.Writer)

// Serve serves one connection, "pop3" or "imap", until the client hangs up.
func (s Streamed) Serve(conn net.Conn, protocol string) {
	in := bufio.NewReader(conn)
	w := bufio.NewWriterSize(conn, 1<<16)
	sizes := make([]int64, len(s))
	for i, m := range s {
		sizes[i] = counted(func(w *bufio.Writer) { m(w) })
	}
	answer := s.pop3
	greeting := "+OK ready\r\n"
	if protocol == "imap" {
		answer, greeting = s.imap, "* OK [CAPABILITY IMAP4rev1] ready\r\n"
	}
	for line := greeting; ; {
		if line == greeting {
			fmt.Fprint(w, greeting)
		} else {
			answer(w, line, sizes)
		}
		var err error
		if w.Flush() != nil {
			return
		}
		if line, err = in.ReadString('\n'); err != nil {
			return
		}
	}
}

// counted is how many octets write writes.
func counted(write func(w *bufio.Writer)) int64 {
	var n counter
	w := bufio.NewWriterSize(&n, 1<<16)
	write(w)
	_ = w.Flush() // a counter takes everything
	return int64(n)
}

type counter int64

func (n *counter) Write(p []byte) (int, error) { *n += counter(len(p)); return len(p), nil }

// uidl names the i-th message, from 0.
func uidl(i int) string { return string(rune('a' + i)) }

// pop3 answers a command. What a message needs in front of the final dot is added.
func (s Streamed) pop3(w *bufio.Writer, line string, sizes []int64) {
	words := append(strings.Fields(line), "", "")
	each := func(format string, value func(i int) any) {
		fmt.Fprint(w, "+OK\r\n")
		for i := range s {
			fmt.Fprintf(w, format, i+1, value(i))
		}
		fmt.Fprint(w, ".\r\n")
	}
	switch words[0] {
	case "CAPA":
		fmt.Fprint(w, "+OK\r\nUSER\r\nUIDL\r\nTOP\r\n.\r\n")
	case "STAT":
		total := int64(0)
		for _, n := range sizes {
			total += n
		}
		fmt.Fprintf(w, "+OK %d %d\r\n", len(s), total)
	case "UIDL":
		each("%d %s\r\n", func(i int) any { return uidl(i) })
	case "LIST":
		each("%d %d\r\n", func(i int) any { return sizes[i] })
	case "RETR", "TOP":
		var number int
		if _, err := fmt.Sscan(words[1], &number); err != nil || number < 1 || number > len(s) {
			fmt.Fprint(w, "-ERR no such message\r\n")
			return
		}
		fmt.Fprint(w, "+OK\r\n")
		stuffed := &stuffing{w: w, bol: true, stuff: true, head: words[0] == "TOP"}
		s[number-1](stuffed)
		if stuffed.last != '\n' {
			fmt.Fprint(w, "\r\n")
		}
		fmt.Fprint(w, ".\r\n")
	default:
		fmt.Fprint(w, "+OK\r\n")
	}
}

// imap answers a command.
func (s Streamed) imap(w *bufio.Writer, line string, sizes []int64) {
	tag, command, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch {
	case strings.HasPrefix(command, "CAPABILITY"):
		fmt.Fprint(w, "* CAPABILITY IMAP4rev1\r\n")
	case strings.HasPrefix(command, "EXAMINE"), strings.HasPrefix(command, "SELECT"):
		fmt.Fprintf(w, "* %d EXISTS\r\n* OK [UIDVALIDITY 7] .\r\n* OK [UIDNEXT %d] .\r\n", len(s), len(s)+1)
	case strings.Contains(command, "BODY.PEEK[]"):
		for i, m := range s {
			if !asked(command, i+1) {
				continue
			}
			fmt.Fprintf(w, "* %d FETCH (UID %d BODY[] {%d}\r\n", i+1, i+1, sizes[i])
			m(w)
			fmt.Fprint(w, ")\r\n")
		}
	case strings.Contains(command, "HEADER.FIELDS"):
		for i, m := range s {
			if !asked(command, i+1) {
				continue
			}
			head := func(w *bufio.Writer) { m(&stuffing{w: w, bol: true, head: true}) }
			fmt.Fprintf(w, "* %d FETCH (UID %d RFC822.SIZE %d INTERNALDATE \" 5-Jan-2026 10:00:01 +0300\" BODY[HEADER.FIELDS (From)] {%d}\r\n",
				i+1, i+1, sizes[i], counted(head))
			head(w)
			fmt.Fprint(w, ")\r\n")
		}
	case strings.HasPrefix(command, "UID FETCH"):
		for i := range s {
			fmt.Fprintf(w, "* %d FETCH (UID %d RFC822.SIZE %d)\r\n", i+1, i+1, sizes[i])
		}
	}
	fmt.Fprintf(w, "%s OK done\r\n", tag)
}

// asked reports whether a UID FETCH is for that UID.
func asked(command string, uid int) bool {
	words := append(strings.Fields(command), "", "", "")
	for item := range strings.SplitSeq(words[2], ",") {
		first, last, ranged := strings.Cut(item, ":")
		var from, to int
		_, _ = fmt.Sscan(first, &from) // 0 is no UID
		if to = from; ranged {
			if _, err := fmt.Sscan(last, &to); err != nil {
				to = math.MaxInt
			}
		}
		if from <= uid && uid <= to {
			return true
		}
	}
	return false
}

// stuffing doubles, if asked, the dots at the beginning of lines (RFC 1939 section 3) and stops, if asked, behind the header.
type stuffing struct {
	w     *bufio.Writer
	bol   bool
	stuff bool
	head  bool
	ended bool
	blank bool // the line so far has nothing but its end
	last  byte
}

func (s *stuffing) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && !s.ended {
		if s.stuff && s.bol && p[0] == '.' {
			_ = s.w.WriteByte('.') // its error comes with the flush
		}
		i := bytes.IndexByte(p, '\n') + 1
		if i == 0 {
			i = len(p)
		}
		line := p[:i]
		empty := (s.bol || s.blank) && len(bytes.Trim(line, "\r\n")) == 0
		_, _ = s.w.Write(line) // likewise
		s.last = line[i-1]
		s.bol = s.last == '\n'
		s.ended = s.head && s.bol && empty
		s.blank = !s.bol && empty
		p = p[i:]
	}
	return n, nil
}
