package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"

	"tall/eval"
)

// Table is a header and rows of text. Columns of numbers are aligned right.
type Table struct {
	Header []string
	Rows   [][]string // rows may be shorter than the header
	// Groups holds the index of each row that begins a new group, which a line
	// or a blank line sets off.
	Groups []int
}

// Write writes the table in the style of w ([StyleOf]).
func (t Table) Write(w io.Writer) error {
	s := StyleOf(w)
	var err error
	if s.Color {
		_, err = lipgloss.Fprintln(w, t.Render(s)) // with the colors that the terminal has
	} else {
		_, err = io.WriteString(w, t.Render(s)+"\n")
	}
	return err
}

// Render returns the table without a final line end.
func (t Table) Render(s Style) string {
	if s.Color && !s.ASCII {
		return t.bordered()
	}
	return t.plain()
}

func (t Table) columns() int {
	n := len(t.Header)
	for _, r := range t.Rows {
		n = max(n, len(r))
	}
	return n
}

func cell(row []string, i int) string {
	if i < len(row) {
		return row[i]
	}
	return ""
}

// numeric tells of each column whether it holds numbers only.
func (t Table) numeric() []bool {
	out := make([]bool, t.columns())
	for i := range out {
		for _, r := range t.Rows {
			text := strings.TrimSpace(strings.TrimSuffix(cell(r, i), "%"))
			if text == "" || text == "-" {
				continue
			}
			if _, err := strconv.ParseFloat(text, 64); err != nil {
				out[i] = false
				break
			}
			out[i] = true
		}
	}
	return out
}

func (t Table) starts(row int) bool {
	for _, g := range t.Groups {
		if g == row && row > 0 {
			return true
		}
	}
	return false
}

func (t Table) plain() string {
	right := t.numeric()
	widths := make([]int, len(right))
	for i := range widths {
		widths[i] = lipgloss.Width(cell(t.Header, i))
		for _, r := range t.Rows {
			widths[i] = max(widths[i], lipgloss.Width(cell(r, i)))
		}
	}
	var lines []string
	line := func(row []string) {
		var b strings.Builder
		for i, width := range widths {
			if i > 0 {
				b.WriteString("  ")
			}
			text := cell(row, i)
			pad := strings.Repeat(" ", width-lipgloss.Width(text))
			if right[i] {
				b.WriteString(pad + text)
			} else {
				b.WriteString(text + pad)
			}
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	if len(t.Header) > 0 {
		line(t.Header)
	}
	for i, r := range t.Rows {
		if t.starts(i) {
			lines = append(lines, "")
		}
		line(r)
	}
	return strings.Join(lines, "\n")
}

func (t Table) bordered() string {
	right := t.numeric()
	pad := lipgloss.NewStyle().Padding(0, 1)
	head := pad.Bold(true).Foreground(lipgloss.BrightCyan)
	out := table.New().Border(lipgloss.RoundedBorder()).BorderStyle(lipgloss.NewStyle().Foreground(lipgloss.BrightBlack)).
		Wrap(false).
		Headers(t.Header...).
		StyleFunc(func(row, col int) lipgloss.Style {
			style := pad
			if row == table.HeaderRow {
				style = head
			}
			if col < len(right) && right[col] {
				style = style.Align(lipgloss.Right)
			}
			return style
		})
	blank := make([]string, len(right))
	for i, r := range t.Rows {
		if t.starts(i) {
			out.Row(blank...)
		}
		full := make([]string, len(right))
		copy(full, r)
		out.Row(full...)
	}
	return out.Render()
}

// Recall shows a recall table: a group of rows for the total, a row for each
// IoU, with R@n beside it; with videos, a group for every video before it.
// Recalls are shares of the sentences, as the reference prints them.
func Recall(t *eval.Table, videos bool) Table {
	out := Table{Header: []string{"video", "sentences", "IoU"}}
	for _, n := range t.Top {
		out.Header = append(out.Header, fmt.Sprintf("R@%d", n))
	}
	out.Header = append(out.Header, "mean IoU")
	add := func(name string, r eval.Row) {
		out.Groups = append(out.Groups, len(out.Rows))
		for i, iou := range t.IoU {
			row := []string{"", "", strconv.FormatFloat(iou, 'g', -1, 64)}
			if i == 0 {
				row[0], row[1] = name, strconv.Itoa(r.Sentences)
			}
			for j := range t.Top {
				row = append(row, fmt.Sprintf("%.4f", r.Recall(i, j)))
			}
			if i == 0 {
				row = append(row, fmt.Sprintf("%.4f", r.MeanIoU()))
			}
			out.Rows = append(out.Rows, row)
		}
	}
	if videos {
		for _, r := range t.Videos {
			add(r.Video, r)
		}
	}
	add("all", t.Total)
	return out
}

// Named is a result with the name of what made it.
type Named struct {
	Name  string
	Table *eval.Table
}

// Compare shows results side by side: a row for each metric R@n, IoU that the
// first result has, of those n that are asked for (none: all), a column for each
// result. A metric that another result does not have is shown as "-".
func Compare(results []Named, tops ...int) Table {
	out := Table{Header: []string{"metric", "IoU"}}
	for _, r := range results {
		out.Header = append(out.Header, r.Name)
	}
	if len(results) == 0 {
		return out
	}
	if len(tops) == 0 {
		tops = results[0].Table.Top
	}
	for _, n := range tops {
		out.Groups = append(out.Groups, len(out.Rows))
		for _, iou := range results[0].Table.IoU {
			row := []string{fmt.Sprintf("R@%d", n), strconv.FormatFloat(iou, 'g', -1, 64)}
			for _, r := range results {
				text := "-"
				if v, ok := r.Table.Recall(n, iou); ok {
					text = fmt.Sprintf("%.4f", v)
				}
				row = append(row, text)
			}
			out.Rows = append(out.Rows, row)
		}
	}
	return out
}
