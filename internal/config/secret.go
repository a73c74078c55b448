package config

// Secret is a value that must not reach logs, error texts or JSON. Only Reveal gives it away.
type Secret struct{ text string }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return s.text }

// Set reports whether there is one.
func (s Secret) Set() bool { return s.text != "" }

// String hides the secret.
func (s Secret) String() string {
	if s.text == "" {
		return "unset"
	}
	return "hidden"
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret from JSON and slog.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
