package senders

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// fold makes texts comparable, in every script.
func fold(s string) string { return norm.NFC.String(cases.Fold().String(norm.NFC.String(s))) }

// clip cuts a text that is too long.
func clip(s string, runes int) string {
	if utf8.RuneCountInString(s) <= runes {
		return s
	}
	return string([]rune(s)[:runes])
}

// sameDigit makes digits alike.
func sameDigit(r rune) rune {
	if strings.ContainsRune("0123456789", r) {
		return '0'
	}
	return r
}
