package mimepart

import (
	"bytes"
	"net/url"
	"strings"
)

const (
	maxCIDs   = 1000
	maxCIDLen = 256 // bytes
)

// cids gathers the Content-IDs that HTML refers to as "cid:…" (RFC 2392). HTML is written to it as it streams by.
type cids struct {
	seen    map[string]bool
	last    [3]byte // in front of the present position
	reading bool    // inside an id
	id      []byte
}

// has tells whether the HTML so far refers to id.
func (c *cids) has(id string) bool { return c.seen[strings.ToLower(id)] }

// Write never fails.
func (c *cids) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if c.reading {
			p = c.read(p)
			continue
		}
		i := bytes.IndexByte(p, ':')
		if i < 0 {
			c.pass(p)
			break
		}
		c.pass(p[:i])
		c.reading = strings.EqualFold(string(c.last[:]), "cid")
		c.pass(p[i : i+1])
		p = p[i+1:]
	}
	return n, nil
}

// pass remembers the last bytes.
func (c *cids) pass(p []byte) {
	if len(p) >= 3 {
		copy(c.last[:], p[len(p)-3:])
		return
	}
	copy(c.last[:], c.last[len(p):])
	copy(c.last[3-len(p):], p)
}

// read takes the bytes of an id and returns what follows it.
func (c *cids) read(p []byte) []byte {
	i := bytes.IndexAny(p, "\"'<>() \t\r\n\\")
	if i < 0 {
		i = len(p)
	}
	for _, b := range p[:min(i, maxCIDLen+1-len(c.id))] {
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		c.id = append(c.id, b)
	}
	if i < len(p) {
		c.end()
	}
	return p[i:]
}

// end closes the id in hand, and the text.
func (c *cids) end() {
	if c.reading && len(c.id) > 0 && len(c.id) <= maxCIDLen && len(c.seen) < maxCIDs && !c.seen[string(c.id)] {
		if c.seen == nil {
			c.seen = map[string]bool{}
		}
		c.seen[string(c.id)] = true
		if plain, err := url.PathUnescape(string(c.id)); err == nil {
			c.seen[strings.ToLower(plain)] = true
		}
	}
	c.reading, c.id, c.last = false, c.id[:0], [3]byte{}
}
