// Package mimepart takes mail apart: a stream of raw bytes becomes parts with decoded names and decoded contents, a
// header block becomes an envelope.
//
// Containers are opened: forwarded messages, winmail.dat (TNEF), opaque signed messages (PKCS #7), files uuencoded in body
// text. yEnc, which only newsgroups use, is not.
//
// It is lenient, because the mail of suppliers is written by scripts: a bad header line is skipped, parameters may be
// unquoted, names may be in any charset. It is strict in one thing: content that cannot be what was sent is reported as
// mail.ErrDamaged, never handed out as a shorter file. Nothing but bounded headers and, for each
// container that is open, bounded buffers are held in memory.
package mimepart
