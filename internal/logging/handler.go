package logging

import (
	"context"
	"io"
	"log/slog"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Options of a Handler. The zero value prints from INFO up, with an empty id.
type Options struct {
	Level slog.Leveler // nil means INFO
	MyID  string       // of the server, for the bracket of the id
}

// Handler is a slog.Handler for many goroutines. Each record is one Write.
type Handler struct {
	opts   Options
	prefix string // of the names of attributes to come: "group.", "group.inner."
	fixed  []byte // attributes of WithAttrs, formatted

	mu  *sync.Mutex // shared by all handlers made from one; held for the Write
	out io.Writer
}

// New returns a handler that writes to out.
func New(out io.Writer, opts Options) *Handler {
	if opts.Level == nil {
		opts.Level = slog.LevelInfo
	}
	return &Handler{opts: opts, mu: new(sync.Mutex), out: out}
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.opts.Level.Level()
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.fixed = append([]byte(nil), h.fixed...)
	for _, a := range attrs {
		with.fixed = appendAttr(with.fixed, h.prefix, a)
	}
	return &with
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.prefix = h.prefix + name + "."
	return &with
}

// Handle implements slog.Handler. Its error is that of the Write.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	b := make([]byte, 0, 256)
	b = r.Time.Local().AppendFormat(b, "2006-01-02 15:04:05,000")
	b = append(b, " [myid:"...)
	b = append(b, h.opts.MyID...)
	b = append(b, "] - "...)
	b = appendLevel(b, r.Level)
	b = append(b, " ["...)
	b = appendSource(b, r.PC)
	b = append(b, "] - "...)
	b = appendMessage(b, r.Message)
	b = append(b, h.fixed...)
	r.Attrs(func(a slog.Attr) bool {
		b = appendAttr(b, h.prefix, a)
		return true
	})
	b = append(b, '\n')

	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.out.Write(b)
	return err
}

// appendLevel pads to five letters, as %-5p does.
func appendLevel(b []byte, level slog.Level) []byte {
	switch {
	case level < slog.LevelDebug:
		return append(b, "TRACE"...)
	case level < slog.LevelInfo:
		return append(b, "DEBUG"...)
	case level < slog.LevelWarn:
		return append(b, "INFO "...)
	case level < slog.LevelError:
		return append(b, "WARN "...)
	}
	return append(b, "ERROR"...)
}

// appendSource writes package:file@line.
func appendSource(b []byte, pc uintptr) []byte {
	if pc == 0 {
		return append(b, '?')
	}
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	pkg, _, _ := strings.Cut(path.Base(frame.Function), ".")
	b = append(b, pkg...)
	b = append(b, ':')
	b = append(b, strings.TrimSuffix(path.Base(frame.File), ".go")...)
	b = append(b, '@')
	return strconv.AppendInt(b, int64(frame.Line), 10)
}

// appendMessage leaves a message readable and in one line.
func appendMessage(b []byte, s string) []byte {
	for _, r := range s {
		if unicode.IsPrint(r) {
			b = utf8.AppendRune(b, r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b = append(b, quoted[1:len(quoted)-1]...)
	}
	return b
}

func appendAttr(b []byte, prefix string, a slog.Attr) []byte {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, inner := range v.Group() {
			b = appendAttr(b, prefix, inner)
		}
		return b
	}
	if a.Equal(slog.Attr{}) {
		return b
	}
	b = append(b, ' ')
	b = append(b, prefix...)
	b = append(b, a.Key...)
	b = append(b, '=')
	return appendValue(b, v)
}

func appendValue(b []byte, v slog.Value) []byte {
	if v.Kind() == slog.KindTime {
		return v.Time().AppendFormat(b, time.RFC3339Nano)
	}
	s := v.String()
	if needsQuotes(s) {
		return strconv.AppendQuote(b, s)
	}
	return append(b, s...)
}

// needsQuotes says whether s could be mistaken for more than one value.
func needsQuotes(s string) bool {
	if s == "" {
		return true
	}
	for _, r := range s {
		if r == ' ' || r == '"' || r == '=' || r == utf8.RuneError || !unicode.IsPrint(r) {
			return true
		}
	}
	return false
}

// ParseLevel reads a log4j level, with or without appenders behind it, such as "INFO" or "DEBUG,CONSOLE".
func ParseLevel(s string) (level slog.Level, ok bool) {
	name, _, _ := strings.Cut(s, ",")
	switch strings.ToUpper(strings.TrimSpace(name)) {
	case "ALL", "TRACE":
		return slog.LevelDebug - 4, true
	case "DEBUG":
		return slog.LevelDebug, true
	case "INFO":
		return slog.LevelInfo, true
	case "WARN":
		return slog.LevelWarn, true
	case "ERROR", "FATAL":
		return slog.LevelError, true
	case "OFF":
		return slog.LevelError + 100, true
	}
	return 0, false
}
