package up

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/jedib0t/go-pretty/v6/table"
)

// refresh is how often the table is renewed.
const refresh = 500 * time.Millisecond

// draw writes rows as a table.
func draw(rows []row) string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"id", "role", "client address", "zxid", "sessions", "p99 latency"})
	for _, r := range rows {
		t.AppendRow(table.Row{r.ID, r.Role, r.Address, r.Zxid, r.Sessions, r.P99})
	}
	return t.Render()
}

// lines prints the state once, then every change of a role, until ctx ends.
func (e *ensemble) lines(ctx context.Context, out io.Writer) error {
	rows := poll(e.children)
	fmt.Fprintf(out, "%d servers are up after %.2f s, data in %s\n", len(rows), e.took.Seconds(), e.data)
	for _, r := range rows {
		fmt.Fprintf(out, "server %d: %s, clients at %s, zxid %s\n", r.ID, r.Role, r.Address, r.Zxid)
	}
	fmt.Fprintf(out, "connect string: %s\n", e.connectString())
	for _, h := range e.hints() {
		fmt.Fprintf(out, "try: %s\n", h)
	}
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			fmt.Fprintln(out, "stopping; the data stays in "+e.data)
			return nil
		case <-tick.C:
		}
		for i, r := range poll(e.children) {
			if r.Role != rows[i].Role {
				fmt.Fprintf(out, "server %d: %s\n", r.ID, r.Role)
			}
			rows[i] = r
		}
	}
}

// screen shows a live table on a terminal until ctx ends or somebody quits.
func (e *ensemble) screen(ctx context.Context, out io.Writer) error {
	_, err := tea.NewProgram(&model{e: e, rows: poll(e.children)}, tea.WithContext(ctx), tea.WithOutput(out)).Run()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// model is the terminal's view of the ensemble.
type model struct {
	e    *ensemble
	rows []row
	note string
}

type polled []row

func (m *model) Init() tea.Cmd { return m.pollLater() }

func (m *model) pollLater() tea.Cmd {
	return tea.Tick(refresh, func(time.Time) tea.Msg { return polled(poll(m.e.children)) })
}

func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case polled:
		m.rows = msg
		return m, m.pollLater()
	case tea.KeyPressMsg:
		switch msg.String() {
		case "ctrl+c", "q":
			m.note = "stopping ..."
			return m, tea.Quit
		case "r":
			m.note = m.restart()
		}
	}
	return m, nil
}

// restart starts the servers that have ended.
func (m *model) restart() string {
	n := 0
	for _, c := range m.e.children {
		if up, _ := c.running(); up {
			continue
		}
		if err := c.start(m.e.program); err != nil {
			return err.Error()
		}
		n++
	}
	if n == 0 {
		return "all servers are running"
	}
	return fmt.Sprintf("restarted %d", n)
}

func (m *model) View() tea.View {
	var b strings.Builder
	fmt.Fprintf(&b, "%d servers, up after %.2f s, data in %s\n\n%s\n\n", len(m.rows), m.e.took.Seconds(), m.e.data, draw(m.rows))
	fmt.Fprintf(&b, "connect string  %s\n\n", m.e.connectString())
	for _, h := range m.e.hints() {
		fmt.Fprintf(&b, "  try  %s\n", h)
	}
	fmt.Fprintf(&b, "\nCtrl-C stops everything, r restarts a server that has ended  %s\n", m.note)
	return tea.NewView(b.String())
}
