//go:build !race

package poll_test

// raceDetector: see race_on_test.go.
const raceDetector = false
