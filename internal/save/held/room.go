package held

import (
	"fmt"
	"os"

	"pricefetch/internal/mail"
)

// Room tells whether another message of size bytes could be kept. Where the size is unknown (-1) any room will do.
func (s *Store) Room(size int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fits(max(size, 1))
}

// Bound sets what the messages may take from now on, in bytes. What is kept stays.
func (s *Store) Bound(maxBytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.max = maxBytes
}

// Size is the sum of the kept messages' sizes, in bytes.
func (s *Store) Size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sum(s.kept)
}

// fits tells whether n bytes more are within the bound. Before it says no, it looks what a person has removed.
func (s *Store) fits(n int64) bool {
	if n <= s.max-s.used() {
		return true
	}
	if err := s.count(); err != nil {
		return false // full as far as we know: the error shows when something is kept
	}
	return n <= s.max-s.used()
}

func (s *Store) used() int64 { return sum(s.kept) + sum(s.writing) }

func sum(sizes map[string]int64) (total int64) {
	for _, size := range sizes {
		total += size
	}
	return total
}

// begin and end enclose the writing of a temporary file.
func (s *Store) begin(temp string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing[temp] = 0
}

func (s *Store) end(temp string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.writing, temp)
}

func (s *Store) isWriting(temp string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.writing[temp]
	return ok
}

// take takes room for n bytes of a temporary file.
func (s *Store) take(temp string, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.fits(n) {
		return fmt.Errorf("held/ is full (%d of %d bytes): answer held messages with retry or dismiss, or raise limits.held: %w",
			sum(s.kept), s.max, mail.ErrTooLarge)
	}
	s.writing[temp] += n
	return nil
}

// finish renames a temporary file to its name and counts it there. It does both under the mutex, so that no count of
// the directory finds the message twice.
func (s *Store) finish(dir *os.Root, temp, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.disk.rename(dir, temp, dir, name); err != nil {
		return err
	}
	s.kept[name] = s.writing[temp]
	delete(s.writing, temp)
	return nil
}
