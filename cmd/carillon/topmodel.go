package main

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

// topModel is the live view, as bubbletea has it: its program calls Update and View
// from one goroutine, and looks from others.
type topModel struct {
	look          func(before *snapshot) (*snapshot, error)
	interval      time.Duration
	now           *snapshot // nil before the first
	err           error     // of the last look
	width, height int       // of the terminal; 0 is not known
}

// looked is what a look has found, and again that it is time for the next.
type (
	looked struct {
		snapshot *snapshot
		err      error
	}
	again struct{}
)

// Init takes the first look.
func (m topModel) Init() tea.Cmd { return m.next }

func (m topModel) next() tea.Msg {
	s, err := m.look(m.now)
	return looked{s, err}
}

// Update takes keys, sizes and looks. A look that fails is shown, and the next one
// comes all the same: Kafka may be back by then.
func (m topModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		switch msg.String() {
		case "q", "esc", "ctrl+c":
			return m, tea.Quit
		}
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case looked:
		if m.err = msg.err; msg.err == nil {
			m.now = msg.snapshot
		}
		return m, tea.Tick(m.interval, func(time.Time) tea.Msg { return again{} })
	case again:
		return m, m.next
	}
	return m, nil
}

// View draws on a screen of its own: what was there before comes back.
func (m topModel) View() tea.View {
	text := "asking the nodes...\n"
	if m.now != nil {
		text = m.now.text(m.width, m.height)
	}
	if m.err != nil {
		text = fit("no answer: "+m.err.Error()+"\n"+text, m.width, m.height)
	}
	v := tea.NewView(text)
	v.AltScreen = true
	return v
}
