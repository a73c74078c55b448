package config

import "strings"

// ParseJVMFlags picks the -Dname=value tokens out of SERVER_JVMFLAGS, JVMFLAGS or a java command line. The last of
// equal names wins, and a name without '=' has the value "". Tokens are separated by blanks; quotes and backslashes
// are taken as a shell takes them. All other tokens, heap sizes and the like, are returned as ignored.
func ParseJVMFlags(flags string) (props map[string]string, ignored []string) {
	props = map[string]string{}
	for _, token := range shellWords(flags) {
		flag, ok := strings.CutPrefix(token, "-D")
		name, value, _ := strings.Cut(flag, "=")
		if !ok || name == "" {
			ignored = append(ignored, token)
			continue
		}
		props[name] = value
	}
	return props, ignored
}

// shellWords splits s into words. An open quote runs to the end.
func shellWords(s string) []string {
	var words []string
	var word strings.Builder
	quote, inWord := byte(0), false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			word.WriteByte(s[i])
			inWord = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inWord = c, true
		case quote == 0 && strings.IndexByte(" \t\r\n", c) >= 0:
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}
