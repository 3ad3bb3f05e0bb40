package eval

import "tall/dataset"

// notes gathers findings: what was noticed, how often, and where first.
type notes struct {
	order []string
	by    map[string]*dataset.Finding
}

// mostPlaces of a finding are listed.
const mostPlaces = 5

func (n *notes) add(s dataset.Severity, what, remedy, place string) {
	f := n.finding(s, what, remedy)
	f.Count++
	if len(f.Places) < mostPlaces {
		f.Places = append(f.Places, place)
	}
}

func (n *notes) finding(s dataset.Severity, what, remedy string) *dataset.Finding {
	if n.by == nil {
		n.by = map[string]*dataset.Finding{}
	}
	f := n.by[what]
	if f == nil {
		f = &dataset.Finding{Severity: s, What: what, Remedy: remedy}
		n.by[what] = f
		n.order = append(n.order, what)
	}
	return f
}

// merge appends what others noticed later in the file.
func (n *notes) merge(o *notes) {
	for _, f := range o.list() {
		into := n.finding(f.Severity, f.What, f.Remedy)
		into.Count += f.Count
		into.Places = append(into.Places, f.Places[:min(len(f.Places), mostPlaces-len(into.Places))]...)
	}
}

func (n *notes) list() []dataset.Finding {
	var out []dataset.Finding
	for _, what := range n.order {
		out = append(out, *n.by[what])
	}
	return out
}
