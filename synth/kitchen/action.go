package kitchen

import "math"

// Verb is what is done.
type Verb string

// The verbs.
const (
	Take     Verb = "take out"
	PutAway  Verb = "put away"
	Move     Verb = "move"
	Cut      Verb = "cut"
	Peel     Verb = "peel"
	Pour     Verb = "pour"
	Stir     Verb = "stir"
	Crack    Verb = "crack"
	Sprinkle Verb = "sprinkle"
	Stack    Verb = "stack"
	Shake    Verb = "shake"
	Wipe     Verb = "wipe"
	Open     Verb = "open"
	Close    Verb = "close"

	gesture Verb = "" // the hand does nothing in particular; no sentence tells of it
)

// event is one action. While it lasts the hand comes, does it, and goes again.
type event struct {
	verb       Verb
	thing      int     // what it is done to, index into the plan's things; -1: none
	target     int     // what it is poured into, stacked on ...; -1: none
	to         point   // where it is moved, or where a gesture happens
	side       float64 // from which it is brought, or to which it is taken: -1 left, 1 right
	pace       float64 // of what repeats, times a second
	start, end float64 // seconds
	described  bool    // sentences tell of it
}

// key is a place at a share of an event.
type key struct {
	u  float64
	at point
}

// ease is 0 before 0, 1 after 1, and smooth between.
func ease(x float64) float64 {
	x = min(max(x, 0), 1)
	return x * x * (3 - 2*x)
}

// ramp is ease between a and b.
func ramp(u, a, b float64) float64 { return ease((u - a) / (b - a)) }

// track goes from key to key.
func track(u float64, keys ...key) point {
	if u <= keys[0].u {
		return keys[0].at
	}
	for i := 1; i < len(keys); i++ {
		if u < keys[i].u {
			return between(keys[i-1].at, keys[i].at, ramp(u, keys[i-1].u, keys[i].u))
		}
	}
	return keys[len(keys)-1].at
}

// apply puts what the event has done until time t into the scene.
func (e *event) apply(s *scene, p *plan, t float64) {
	if t < e.start {
		return
	}
	s.hands = [2]hand{} // what an earlier event left in them is gone
	u := min((t-e.start)/(e.end-e.start), 1)
	sec := min(t, e.end) - e.start
	side, hand, helper := 1.0, &s.hands[1], &s.hands[0]
	if p.cook.left {
		side, hand, helper = -1, helper, hand
	}
	a := act{e, s, u, sec, side, hand, helper, u < 1}
	switch e.verb {
	case Take, PutAway, Move, Stack, Shake:
		a.carry()
	case Cut, Peel:
		a.blade()
	case Pour, Sprinkle:
		a.pour()
	case Stir:
		a.stir()
	case Crack:
		a.crack()
	case Wipe:
		a.wipe()
	case Open, Close:
		a.door()
	default:
		a.gesture()
	}
}

// act is an event under way.
type act struct {
	*event
	s            *scene
	u, sec       float64 // share of the event, seconds since its start
	main         float64 // side of the acting hand: -1 left, 1 right
	hand, helper *hand
	busy         bool // the event is not over
}

// beat swings between -1 and 1 at the event's pace.
func (a *act) beat(speed float64) float64 { return math.Sin(2 * math.Pi * a.pace * speed * a.sec) }

// place shows the acting hand.
func (a *act) place(at point, grip float64) {
	if a.busy {
		a.hand.shown, a.hand.at, a.hand.grip = true, at, grip
	}
}

// help shows the other hand, which holds something while the first acts.
func (a *act) help(at point) {
	if a.busy {
		home := rest(-a.main)
		a.helper.shown = true
		a.helper.at = track(a.u, key{0.02, home}, key{0.18, at}, key{0.82, at}, key{0.98, home})
		a.helper.grip = ramp(a.u, 0.1, 0.2) - ramp(a.u, 0.8, 0.9)
	}
}

// outside is where things come from.
func (e *event) outside() point { return point{sceneWidth/2 + e.side*(sceneWidth/2+52), 158} }

// carry moves a thing from one place to another, or lifts it where it stands.
func (a *act) carry() {
	t := &a.s.things[a.thing]
	from, to := t.at, t.at
	pick, drop := 0.24, 0.74
	height := 14.0
	switch a.verb {
	case Take:
		from, pick, drop = a.outside(), 0, 0.66
	case PutAway:
		to, pick, drop = a.outside(), 0.32, 1
	case Move:
		to, height = a.to, 5
	case Stack:
		base := a.s.things[a.target]
		to = point{base.at.x, base.at.y + 0.2}
		height = 26
	case Shake:
		height = 22
	}
	r := ramp(a.u, pick, drop)
	if a.verb == Shake {
		r = ramp(a.u, pick, pick+0.12) - ramp(a.u, drop-0.12, drop)
	}
	t.at = between(from, to, r)
	t.lift = height * math.Sin(math.Pi*r)
	switch a.verb {
	case Shake:
		t.lift = height * r
		if a.u > pick+0.08 && a.u < drop-0.08 {
			t.lift += 8 * a.beat(1.6)
			t.angle = 0.22 * a.beat(0.8)
		}
		if !a.busy {
			t.lift, t.angle = 0, 0
		}
	case Stack:
		_, h := t.kind.extent()
		t.lift += ramp(a.u, pick, drop) * stackHeight(t.kind, h) * depth(t.at.y)
	case PutAway:
		t.hidden = !a.busy
	case Take:
		t.hidden = false
	}
	t.held = a.busy && a.u > pick && a.u < drop
	grip := t.top()
	switch {
	case a.u < pick:
		a.place(track(a.u, key{0, rest(a.main)}, key{pick * 0.8, grip}), ramp(a.u, pick*0.5, pick))
	case a.u < drop:
		a.place(grip, 1)
	default:
		a.place(track(a.u, key{drop + 0.06, grip}, key{1, rest(a.main)}), 1-ramp(a.u, drop, drop+0.1))
	}
}

// stackHeight is how much higher a thing stands on another of its kind.
func stackHeight(k Kind, h float64) float64 {
	switch k {
	case Plate:
		return 3.6
	case Bowl:
		return h * 0.36
	}
	return h * 0.84
}

// blade cuts or peels what lies on its board. The other hand holds it.
func (a *act) blade() {
	t := &a.s.things[a.thing]
	w, h := t.kind.extent()
	k := depth(t.at.y)
	done := min(max((a.u-0.16)/0.68, 0), 1)
	top := point{t.at.x, t.at.y - h*k}
	if a.verb == Cut {
		t.cut = max(t.cut, 0.9*done)
		x := t.at.x + a.main*w*k*(0.5-0.9*done)
		chop := math.Abs(a.beat(0.5))
		at := point{x + a.main*22, t.at.y - 4 - 15*chop}
		a.place(track(a.u, key{0, rest(a.main)}, key{0.16, at}, key{0.84, at}, key{1, rest(a.main)}), 1)
		a.hand.tool, a.hand.turn = knife, 0.12-0.3*chop
	} else {
		t.peeled = max(t.peeled, done)
		at := point{t.at.x + a.main*(16+0.36*w*k*a.beat(0.45)), top.y + 2 + h*0.3*done}
		a.place(track(a.u, key{0, rest(a.main)}, key{0.16, at}, key{0.84, at}, key{1, rest(a.main)}), 1)
		a.hand.tool, a.hand.turn = peeler, 0.2
	}
	a.help(point{t.at.x - a.main*(w*k*0.5+3), t.at.y - h*k*0.55})
}

// pour tilts a vessel, or a shaker, over another.
func (a *act) pour() {
	t, into := &a.s.things[a.thing], &a.s.things[a.target]
	_, h := t.kind.extent()
	k := depth(t.at.y)
	dir := 1.0 // the vessel is held to the right of the other, and pours to the left
	if t.at.x < into.at.x {
		dir = -1
	}
	mouth := into.mouth()
	home := t.at
	r := ramp(a.u, 0.2, 0.36) - ramp(a.u, 0.82, 0.94)
	tilt := ramp(a.u, 0.34, 0.44) - ramp(a.u, 0.76, 0.84)
	middle := point{mouth.x + dir*(h*k*0.5+1), mouth.y - 17 - h*k*0.16}
	full := 1.9
	if a.verb == Sprinkle {
		middle, full = point{mouth.x + dir*4, mouth.y - 34}, 2.5
	}
	t.at = between(home, point{middle.x, max(home.y, into.at.y+1)}, r)
	t.lift = r * (t.at.y - middle.y - h*k/2)
	t.angle = -dir * full * tilt
	t.mirror = dir < 0
	t.held = a.busy && a.u > 0.18 && a.u < 0.95
	flow := a.u > 0.43 && a.u < 0.78
	if a.verb == Sprinkle {
		if flow {
			t.lift += 4 * a.beat(1.8)
			for i := range 7 {
				fall := math.Mod(a.sec*2.1+float64(i)*0.37, 1)
				x := mouth.x + 9*math.Sin(float64(i)*2.3+math.Floor(a.sec*2.1+float64(i)*0.37)*1.7)
				a.s.drops = append(a.s.drops, drop{point{x, mouth.y - 20 + 22*fall}, 1.1, t.color.rgb().shade(0.1)})
			}
		}
		into.speckles = t.color.rgb()
		into.sprinkled = max(into.sprinkled, ramp(a.u, 0.43, 0.78))
	} else {
		if flow && a.busy {
			spout := point{t.at.x - dir*math.Sin(full*tilt)*h*k*0.5, t.at.y - t.lift - h*k/2 - math.Cos(full*tilt)*h*k*0.5}
			a.s.streams = append(a.s.streams, stream{spout, point{mouth.x, mouth.y + 2}, t.liquid})
		}
		if got := ramp(a.u, 0.43, 0.78); got > 0 {
			into.liquid = into.liquid.mix(t.liquid, got)
			into.fill = max(into.fill, lerp(into.fill, 0.9, got))
		}
		if t.kind == Cup || t.kind == Bowl {
			t.fill *= 1 - ramp(a.u, 0.43, 0.78)
		}
	}
	grip := point{t.at.x + dir*6, t.at.y - t.lift - h*k*0.5}
	switch {
	case a.u < 0.2:
		a.place(track(a.u, key{0, rest(a.main)}, key{0.17, grip}), ramp(a.u, 0.1, 0.2))
	case a.u < 0.94:
		a.place(grip, 1)
	default:
		a.place(track(a.u, key{0.94, grip}, key{1, rest(a.main)}), 0.4)
	}
}

// stir turns a spoon in a vessel. The other hand holds it.
func (a *act) stir() {
	t := &a.s.things[a.thing]
	w, h := t.kind.extent()
	k := depth(t.at.y)
	mouth := t.mouth()
	phase := 2 * math.Pi * a.pace * 0.45 * a.sec
	if active := a.u > 0.15; active {
		t.swirl = 1 + phase
	}
	tip := point{mouth.x + w*k*0.24*math.Cos(phase), mouth.y + 4 + 2.6*math.Sin(phase)}
	// Where the spoon's end lies from the hand: see drawTool.
	at := point{tip.x + a.main*10, tip.y - 14}
	a.place(track(a.u, key{0, rest(a.main)}, key{0.15, at}, key{0.85, at}, key{1, rest(a.main)}), 1)
	a.hand.tool, a.hand.turn = spoon, 0.08*math.Cos(phase)
	a.help(point{t.at.x - a.main*w*k*0.5, t.at.y - h*k*0.6})
}

// crack takes an egg, knocks it on a vessel's rim, and opens it above.
func (a *act) crack() {
	t, into := &a.s.things[a.thing], &a.s.things[a.target]
	w, _ := into.kind.extent()
	k := depth(into.at.y)
	mouth := into.mouth()
	egg := t.top()
	rim := point{mouth.x + a.main*w*k*0.5, mouth.y - 4}
	above := point{mouth.x + a.main*8, mouth.y - 22}
	at := track(a.u, key{0, rest(a.main)}, key{0.14, egg}, key{0.18, egg}, key{0.3, rim}, key{0.48, rim}, key{0.56, above}, key{0.84, above}, key{1, rest(a.main)})
	if a.u > 0.3 && a.u < 0.48 {
		at.y -= 9 * math.Abs(math.Sin(math.Pi*3*(a.u-0.3)/0.18))
	}
	t.hidden = a.u > 0.16
	a.place(at, ramp(a.u, 0.1, 0.18))
	a.hand.color = t.color
	switch {
	case a.u > 0.58:
		a.hand.tool, a.hand.gap = brokenEgg, 8*ramp(a.u, 0.58, 0.66)
	case a.u > 0.16:
		a.hand.tool = wholeEgg
	}
	if fall := (a.u - 0.62) / 0.1; fall > 0 && fall < 1 {
		a.s.drops = append(a.s.drops,
			drop{point{mouth.x + a.main*8, lerp(mouth.y-18, mouth.y+1, fall*fall)}, 4.6, rgb{250, 246, 226}},
			drop{point{mouth.x + a.main*8, lerp(mouth.y-18, mouth.y+1, fall*fall)}, 3.6, yolk})
	}
	if a.u > 0.72 {
		into.yolks++
	}
	if a.busy {
		home := rest(-a.main)
		other := point{mouth.x - a.main*12, mouth.y - 16}
		a.helper.shown = a.u > 0.36
		a.helper.at = track(a.u, key{0.36, home}, key{0.54, other}, key{0.82, other}, key{0.97, home})
		a.helper.grip = 0.8
	}
}

// wipe sweeps a cloth over the front of the counter.
func (a *act) wipe() {
	t := &a.s.things[a.thing]
	home := t.at
	at := point{a.to.x + 46*a.beat(0.4), a.to.y + 5*math.Sin(2*math.Pi*a.pace*0.2*a.sec)}
	t.at = track(a.u, key{0.2, home}, key{0.3, at}, key{0.8, at}, key{0.86, home})
	t.angle = 0.12 * a.beat(0.4)
	if !a.busy {
		t.at, t.angle = home, 0
	}
	t.held = a.busy && a.u > 0.18 && a.u < 0.88
	over := t.at.add(point{0, -5})
	a.place(track(a.u, key{0, rest(a.main)}, key{0.18, over}, key{0.88, over}, key{1, rest(a.main)}), 0.35)
}

// door opens or closes a piece of furniture.
func (a *act) door() {
	t := &a.s.things[a.thing]
	r := ramp(a.u, 0.3, 0.72)
	if a.verb == Close {
		r = 1 - r
	}
	t.open = r
	grip := t.handle()
	a.place(track(a.u, key{0, rest(a.main)}, key{0.25, grip}, key{0.78, grip}, key{1, rest(a.main)}), ramp(a.u, 0.2, 0.28)-ramp(a.u, 0.74, 0.8))
}

// gesture waves, knocks on the counter or points.
func (a *act) gesture() {
	at := a.to.add(point{9 * a.beat(0.5), 6 * a.beat(0.35)})
	a.place(track(a.u, key{0, rest(a.main)}, key{0.3, at}, key{0.72, at}, key{1, rest(a.main)}), 0.3+0.3*a.beat(0.3))
}
