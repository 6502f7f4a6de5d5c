//go:build race

package poll_test

// raceDetector: the race detector makes the journal's SQLite fifteen times slower, so tests that go through every step
// of a pass, or through thousands of messages, take a part of them.
const raceDetector = true
