package config

// Watchable reports whether reading the secret now and then, to see whether it changed, costs and changes nothing:
// a password_command may ask a person, or a service that counts.
func (s Secret) Watchable() bool {
	from := s.open()
	return from != nil && from.from != fromCommand
}
