package kitchen

import (
	"math"
	"math/rand/v2"
	"slices"
)

// plan is everything about a video: who cooks where, and what happens when.
type plan struct {
	name     string
	part     int
	duration float64

	things []thing // as they are in the beginning
	boards []board
	events []event // by start

	cook   cook
	room   room
	camera camera
	light  light
	oclock float64 // the clock's time in the beginning, seconds
	cat    point
	fur    rgb
	fly    float64
}

// at returns the scene at a time in seconds. It does not depend on what was asked before.
func (p *plan) at(t float64) *scene {
	s := &scene{time: t, things: slices.Clone(p.things), boards: p.boards}
	for i := range p.events {
		p.events[i].apply(s, p, t)
	}
	return s
}

// slots are the places on the counter, front row first.
var slots = []point{{58, 184}, {126, 187}, {194, 184}, {262, 187}, {328, 184}, {88, 147}, {158, 147}, {228, 147}, {298, 147}}

const frontSlots = 5

// maxThings is how many things stand on the counter at most.
const maxThings = 8

// planner makes a plan.
type planner struct {
	*plan
	r     *rand.Rand
	free  []int // slots
	spots []int // slot of a thing; -1: furniture
	used  map[int]map[Verb]bool
	fixed map[int]bool // things that may not be touched any more: stacked ones
}

// newPlan makes the plan of a video, in which only the given combinations occur.
func newPlan(o *Options, part, index int, name string, combinations []Combination) *plan {
	r := generator(o.Seed, forScript, index)
	p := &planner{plan: &plan{name: name, part: part}, r: r, used: map[int]map[Verb]bool{}, fixed: map[int]bool{}}
	p.free = r.Perm(len(slots))
	p.duration = math.Round(lerp(o.MinSeconds, o.MaxSeconds, r.Float64()))
	look := generator(o.Seed, forLook, index)
	p.dress(look)
	want := max(2, int(p.duration/lerp(4.6, 7.4, r.Float64())))
	p.choose(combinations, want)
	p.clutter(combinations)
	p.schedule()
	p.decorate(look)
	return p.plan
}

// choose chooses the events: few verbs, each with several things, and things that several
// verbs are done to, so that neither verb nor thing alone tells an event.
func (p *planner) choose(combinations []Combination, want int) {
	r := p.r
	byVerb := map[Verb][]Combination{}
	var verbs []Verb
	for _, c := range combinations {
		if byVerb[c.Verb] == nil {
			verbs = append(verbs, c.Verb)
		}
		byVerb[c.Verb] = append(byVerb[c.Verb], c)
	}
	r.Shuffle(len(verbs), func(i, j int) { verbs[i], verbs[j] = verbs[j], verbs[i] })
	few := verbs[:min(len(verbs), 2+want/3)]
	for try := 0; len(p.events) < want && try < 60; try++ {
		if try > 25 {
			few = verbs
		}
		v := few[r.IntN(len(few))]
		c := byVerb[v][r.IntN(len(byVerb[v]))]
		// A third of the events go on with a thing that is there.
		if len(p.events) > 0 && r.IntN(3) == 0 {
			t := p.things[p.events[r.IntN(len(p.events))].thing]
			var same []Combination
			for _, c := range combinations {
				if c.Kind == t.kind && c.Color == t.color {
					same = append(same, c)
				}
			}
			if len(same) > 0 {
				c = same[r.IntN(len(same))]
			}
		}
		p.add(c)
	}
}

// find returns the thing of a kind and color, or -1.
func (p *planner) find(k Kind, c Color) int {
	return slices.IndexFunc(p.things, func(t thing) bool { return t.kind == k && t.color == c })
}

// add adds an event of a combination, unless it does not fit in.
func (p *planner) add(c Combination) {
	i := p.find(c.Kind, c.Color)
	if i >= 0 && (p.used[i][c.Verb] || p.fixed[i] || len(p.used[i]) >= 3 || !p.fits(c.Verb, i)) {
		return
	}
	e := event{verb: c.Verb, target: -1, described: true, pace: lerp(1.7, 2.6, p.r.Float64()), side: float64(2*p.r.IntN(2) - 1)}
	var others []Kind
	switch c.Verb {
	case Pour, Sprinkle:
		others = []Kind{Bowl, Pan, Pot}
		if c.Kind != Cup && c.Verb == Pour {
			others = append(others, Cup)
		}
	case Crack:
		others = []Kind{Bowl, Pan}
	case Stack:
		others = []Kind{c.Kind}
	}
	need := 0
	if i < 0 && !furniture(c.Kind) {
		need++
	}
	if others != nil {
		e.target = p.receiver(others, i)
		if e.target < 0 {
			need++
		}
	}
	if c.Verb == Move {
		need++
	}
	if need > len(p.free) || len(p.things)+need > maxThings+1 {
		return
	}
	if i < 0 {
		if i = p.put(c.Kind, c.Color, c.Verb == Cut || c.Verb == Peel); i < 0 {
			return
		}
	}
	e.thing = i
	if others != nil && e.target < 0 {
		k := others[p.r.IntN(len(others))]
		colors := colorsOf(k)
		color := colors[p.r.IntN(len(colors))]
		if p.find(k, color) >= 0 {
			return
		}
		if e.target = p.put(k, color, false); e.target < 0 {
			return
		}
	}
	switch c.Verb {
	case Move:
		e.to = p.jitter(slots[p.takeSlot(false)])
	case Wipe:
		e.to = point{70 + 240*p.r.Float64(), 197}
	case Stack:
		p.fixed[i], p.fixed[e.target] = true, true
	case Stir:
		if p.things[i].fill == 0 {
			p.fillUp(&p.things[i])
		}
	}
	if p.used[i] == nil {
		p.used[i] = map[Verb]bool{}
	}
	p.used[i][c.Verb] = true
	p.events = append(p.events, e)
}

// fits tells whether a verb may be done to a thing beside those that are.
func (p *planner) fits(v Verb, i int) bool {
	u := p.used[i]
	isTarget := slices.ContainsFunc(p.events, func(e event) bool { return e.target == i })
	lies := u[Cut] || u[Peel]
	switch v {
	case Take, PutAway:
		return !isTarget && (v != PutAway || !u[Crack])
	case Move, Stack, Shake:
		return !isTarget && !lies
	case Cut, Peel:
		// What is cut lies on a board, in the front row, and stays there.
		return !u[Move] && p.spots[i] < frontSlots
	case Pour:
		return !isTarget
	}
	return true
}

// receiver finds a vessel to pour into or to stack on, or -1.
func (p *planner) receiver(kinds []Kind, not int) int {
	for i, t := range p.things {
		u := p.used[i]
		if i != not && slices.Contains(kinds, t.kind) && !p.fixed[i] && !u[Take] && !u[PutAway] && !u[Move] && !u[Pour] && !u[Stack] {
			return i
		}
	}
	return -1
}

// put puts a thing on a free slot, or furniture at the wall.
func (p *planner) put(k Kind, c Color, front bool) int {
	t := thing{kind: k, color: c}
	slot := -1
	if furniture(k) {
		if slices.ContainsFunc(p.things, func(o thing) bool { return o.kind == k }) {
			return -1 // one of each
		}
		t.at = map[Kind]point{Fridge: {46, 128}, Cupboard: {192, 66}, Microwave: {300, 122}}[k]
		if k == Cupboard {
			t.at.x = 120 + 190*p.r.Float64()
		}
		if k == Microwave {
			t.at.x = 130 + 200*p.r.Float64()
		}
	} else {
		if slot = p.takeSlot(front); slot < 0 {
			return -1
		}
		t.at = p.jitter(slots[slot])
	}
	switch k {
	case Jug, Bottle:
		t.liquid = []rgb{milk, {240, 170, 60}, {214, 90, 80}, {150, 200, 226}, {236, 210, 110}}[p.r.IntN(5)]
	case Bowl, Cup, Pan, Pot:
		if k == Cup || p.r.IntN(3) == 0 {
			p.fillUp(&t)
		}
	}
	if front && slot >= 0 {
		w, _ := k.extent()
		p.boards = append(p.boards, board{t.at, w})
		t.mirror = !p.cook.left // slices fall on the side of the acting hand
	}
	p.things = append(p.things, t)
	p.spots = append(p.spots, slot)
	return len(p.things) - 1
}

func (p *planner) fillUp(t *thing) {
	t.fill = 0.4 + 0.4*p.r.Float64()
	t.liquid = []rgb{{196, 96, 60}, {240, 220, 160}, {150, 90, 60}, {170, 186, 90}, milk, {236, 180, 80}}[p.r.IntN(6)]
}

// takeSlot takes a free slot, of the front row if asked; -1: there is none.
func (p *planner) takeSlot(front bool) int {
	for i, s := range p.free {
		if !front || s < frontSlots {
			p.free = slices.Delete(p.free, i, i+1)
			return s
		}
	}
	return -1
}

func (p *planner) jitter(at point) point {
	return point{at.x + 14*(p.r.Float64()-0.5), at.y + 6*(p.r.Float64()-0.5)}
}

func furniture(k Kind) bool { return k == Fridge || k == Cupboard || k == Microwave }

// clutter adds things that nothing happens to.
func (p *planner) clutter(combinations []Combination) {
	for n := p.r.IntN(4); n > 0 && len(p.free) > 0; n-- {
		c := combinations[p.r.IntN(len(combinations))]
		if !furniture(c.Kind) && p.find(c.Kind, c.Color) < 0 && len(p.things) < maxThings+1 {
			p.put(c.Kind, c.Color, false)
		}
	}
	for _, k := range []Kind{Fridge, Cupboard, Microwave} {
		colors := colorsOf(k)
		if color := colors[p.r.IntN(len(colors))]; p.r.IntN(2) == 0 {
			p.put(k, color, false)
		}
	}
}

// order brings the events into an order that makes sense: a thing comes before it is
// used and goes after that, is peeled before it is cut, and a door is opened before it is
// closed.
func (p *planner) order() {
	p.r.Shuffle(len(p.events), func(i, j int) { p.events[i], p.events[j] = p.events[j], p.events[i] })
	rank := func(v Verb) int {
		return slices.Index([]Verb{Take, Open, Shake, Move, Peel, Cut, Pour, Stack, Close, PutAway}, v) + 1
	}
	for i := range p.events {
		for j := i + 1; j < len(p.events); j++ {
			if a, b := p.events[i], p.events[j]; a.thing == b.thing && a.thing >= 0 && rank(a.verb) > rank(b.verb) {
				p.events[i], p.events[j] = b, a
			}
		}
	}
}

// schedule orders the events and gives each its time. Lengths do not depend on the verb,
// and times are drawn anew for every video: neither says where an event lies.
func (p *planner) schedule() {
	r := p.r
	for range r.IntN(3) {
		p.events = append(p.events, event{verb: gesture, thing: -1, target: -1, pace: 1 + r.Float64(), to: point{90 + 200*r.Float64(), 120 + 50*r.Float64()}})
	}
	p.order()
	for i := range p.events {
		if p.events[i].verb != gesture && len(p.events) > 4 && r.IntN(10) == 0 {
			p.events[i].described = false // happens, and nobody tells of it
		}
	}
	lengths, gaps := make([]float64, len(p.events)), make([]float64, len(p.events)+1)
	sum, idle := 0.0, 0.0
	for i := range lengths {
		lengths[i] = 2.4 * pow(3.4, r.Float64())
		if p.events[i].verb == gesture {
			lengths[i] = 1.5 + 2*r.Float64()
		}
		sum += lengths[i]
	}
	for i := range gaps {
		gaps[i] = 0.08 + r.Float64()*r.Float64()
		idle += gaps[i]
	}
	busy := min(sum, p.duration*lerp(0.6, 0.85, r.Float64()))
	at := 0.0
	for i := range p.events {
		at += gaps[i] / idle * (p.duration - busy)
		e := &p.events[i]
		e.start = hundredth(at)
		at += lengths[i] / sum * busy
		e.end = hundredth(at)
	}
	for i := range p.things {
		// What comes later is not there yet; what is only closed stands open.
		for _, e := range p.events {
			if e.thing != i {
				continue
			}
			if e.verb == Take {
				p.things[i].hidden = true
			}
			if e.verb == Close && !p.used[i][Open] {
				p.things[i].open = 1
			}
		}
	}
}

// hundredth rounds seconds to hundredths, which files hold exactly as they are printed.
func hundredth(x float64) float64 { return float64(int(x*100+0.5)) / 100 }
