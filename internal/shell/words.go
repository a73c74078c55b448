package shell

import "strings"

// splitWords breaks a line into words at white space. A word that begins with a quote ends with the
// same quote, and holds what is between the two; there is no escape. A quote inside a word is an
// ordinary character, and one without a partner is skipped. A line of nothing but white space is
// one word of one blank, which no command is called.
// Source: ZooKeeperMain.MyCommandOptions.parseCommand.
func splitWords(line string) []string {
	var words []string
	for line != "" {
		rest := strings.TrimLeft(line, whiteSpace)
		blanks := line[:len(line)-len(rest)]
		switch {
		case rest != "" && rest[0] != '"' && rest[0] != '\'':
			end := wordEnd(rest)
			words, line = append(words, rest[:end]), rest[end:]
		case rest != "" && strings.IndexByte(rest[1:], rest[0]) >= 0:
			end := 1 + strings.IndexByte(rest[1:], rest[0])
			words, line = append(words, rest[1:end]), rest[end+1:]
		case blanks != "":
			// Nothing follows that could be a word, so the last blank begins one.
			word := line[len(blanks)-1:]
			end := 1 + wordEnd(word[1:])
			words, line = append(words, word[:end]), word[end:]
		default:
			line = rest[1:]
			continue // the blanks after a skipped quote count
		}
		line = strings.TrimLeft(line, whiteSpace)
	}
	return words
}

// whiteSpace is what \s matches in java.util.regex.
const whiteSpace = " \t\n\v\f\r"

func wordEnd(s string) int {
	if i := strings.IndexAny(s, whiteSpace); i >= 0 {
		return i
	}
	return len(s)
}
