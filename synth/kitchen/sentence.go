package kitchen

import (
	"math/rand/v2"
	"strings"
)

// way is one way to say a verb: its forms, and what stands behind the object.
type way struct {
	third, gerund, past string // cuts, cutting, cut
	particle            string // out, away; may stand behind the object
}

// waysOf are the ways to say a verb.
func waysOf(v Verb) []way {
	switch v {
	case Take:
		return []way{{"takes", "taking", "taken", "out"}, {"gets", "getting", "gotten", "out"}, {"brings", "bringing", "brought", "in"}, {"fetches", "fetching", "fetched", ""}}
	case PutAway:
		return []way{{"puts", "putting", "put", "away"}, {"takes", "taking", "taken", "away"}, {"removes", "removing", "removed", ""}, {"clears", "clearing", "cleared", "away"}}
	case Move:
		return []way{{"moves", "moving", "moved", ""}, {"pushes", "pushing", "pushed", "aside"}, {"slides", "sliding", "slid", "over"}, {"shifts", "shifting", "shifted", ""}}
	case Cut:
		return []way{{"cuts", "cutting", "cut", ""}, {"slices", "slicing", "sliced", ""}, {"chops", "chopping", "chopped", ""}, {"cuts", "cutting", "cut", "up"}}
	case Peel:
		return []way{{"peels", "peeling", "peeled", ""}, {"skins", "skinning", "skinned", ""}, {"peels", "peeling", "peeled", ""}}
	case Pour:
		return []way{{"pours", "pouring", "poured", ""}, {"empties", "emptying", "emptied", ""}, {"tips", "tipping", "tipped", "out"}}
	case Stir:
		return []way{{"stirs", "stirring", "stirred", ""}, {"mixes", "mixing", "mixed", ""}, {"stirs", "stirring", "stirred", ""}}
	case Crack:
		return []way{{"cracks", "cracking", "cracked", ""}, {"breaks", "breaking", "broken", ""}, {"cracks", "cracking", "cracked", "open"}}
	case Sprinkle:
		return []way{{"sprinkles", "sprinkling", "sprinkled", ""}, {"seasons", "seasoning", "seasoned", ""}, {"shakes", "shaking", "shaken", ""}}
	case Stack:
		return []way{{"stacks", "stacking", "stacked", ""}, {"piles", "piling", "piled", ""}, {"stacks", "stacking", "stacked", "up"}}
	case Shake:
		return []way{{"shakes", "shaking", "shaken", ""}, {"shakes", "shaking", "shaken", "up"}, {"swings", "swinging", "swung", ""}}
	case Wipe:
		return []way{{"wipes", "wiping", "wiped", ""}, {"cleans", "cleaning", "cleaned", ""}, {"dries", "drying", "dried", ""}}
	case Open:
		return []way{{"opens", "opening", "opened", ""}, {"opens", "opening", "opened", "up"}}
	case Close:
		return []way{{"closes", "closing", "closed", ""}, {"shuts", "shutting", "shut", ""}}
	}
	return nil
}

// sentences returns n sentences about an event, no two alike where that can be.
func (p *plan) sentences(r *rand.Rand, event, n int) []string {
	var out []string
	for try := 0; len(out) < n; try++ {
		text := p.sentence(r, event)
		again := false
		for _, o := range out {
			again = again || o == text
		}
		if !again || try > 40 {
			out = append(out, text)
		}
	}
	return out
}

// sentence tells of an event in one of many ways.
func (p *plan) sentence(r *rand.Rand, event int) string {
	e := &p.events[event]
	ways := waysOf(e.verb)
	w := ways[r.IntN(len(ways))]
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	object, tail := p.object(r, e), ""
	form := r.IntN(10)
	active := form < 5 || form == 9
	switch e.verb {
	case Cut:
		tail = pick("", "", "with a knife", "on the board", "into slices", "into pieces")
	case Peel:
		tail = pick("", "", "with a peeler", "over the board")
	case Pour:
		into := "into " + p.noun(r, e.target, false)
		if tail = into; w.third == "pours" {
			tail = pick(into, "into "+p.noun(r, e.target, true))
			object = pick("from "+object, "out of "+object, "with "+object)
		}
	case Stir:
		object = pick("in "+object, object, "the food in "+object)
		if w.third == "mixes" && strings.HasPrefix(object, "in ") {
			object = "what is " + object
		}
		tail = pick("", "", "with a spoon", "with a wooden spoon")
	case Crack:
		tail = pick("", "into "+p.noun(r, e.target, false), "into "+p.noun(r, e.target, true), "on the rim of "+p.noun(r, e.target, false))
	case Sprinkle:
		on := p.noun(r, e.target, p.distinct(e.target))
		switch w.third {
		case "seasons":
			object, tail = "the food in "+on, pick("with ", "from ")+object
		default:
			object, tail = pick("spice", "some spice", "seasoning")+" from "+object, pick("over ", "into ", "onto ")+on
		}
	case Stack:
		tail = pick("on", "onto", "on top of") + " " + pick("another one", "the other one", p.noun(r, e.target, true))
	case Wipe:
		object, tail = pick("the counter", "the table", "the work surface"), pick("with ", "using ")+object
	case Move:
		if p.to(e) != "" && w.particle == "" {
			tail = pick("", "to the "+p.to(e))
		}
	case Take:
		if active {
			tail = pick("", "", "and sets it down", "and puts it on the counter")
		}
	}
	subject := pick("the person", "the person", "a person", "someone", "the cook", "he", "she", "somebody")
	verb := func(form string, particleLast bool) string {
		words := []string{form}
		if w.particle != "" && !particleLast {
			words = append(words, w.particle)
		}
		words = append(words, object)
		if w.particle != "" && particleLast {
			words = append(words, w.particle)
		}
		return join(append(words, tail)...)
	}
	last := r.IntN(2) == 0
	passive := e.verb != Stir && e.verb != Pour
	switch {
	case form < 5:
		return join(subject, verb(w.third, last))
	case form < 7:
		return join(subject, "is", verb(w.gerund, last))
	case form < 8:
		return join("a person", verb(w.gerund, last))
	case form < 9 && passive:
		return join(object, "is", w.past, w.particle, tail)
	}
	return join(pick("then", "now", "next"), subject, verb(w.third, last))
}

func join(words ...string) string {
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// object names what an event is done to. Its color is named where another thing of its
// kind could be meant, and mostly elsewhere.
func (p *plan) object(r *rand.Rand, e *event) string {
	return p.noun(r, e.thing, p.distinct(e.thing) || r.IntN(4) > 0)
}

// distinct tells whether a thing needs its color to be told from another.
func (p *plan) distinct(i int) bool {
	for j := range p.things {
		if j != i && p.things[j].kind == p.things[i].kind {
			return true
		}
	}
	return false
}

// noun names a thing.
func (p *plan) noun(r *rand.Rand, i int, colored bool) string {
	t := &p.things[i]
	words := map[Kind][]string{
		Cup: {"cup", "mug", "cup"}, Pan: {"pan", "frying pan", "pan"}, Pot: {"pot", "pot", "saucepan"}, Jug: {"jug", "jug", "pitcher"},
		Pepper: {"pepper", "bell pepper", "pepper"}, Eggplant: {"eggplant", "eggplant", "aubergine"}, Cloth: {"cloth", "cloth", "rag"},
		Shaker: {"shaker", "shaker", "spice shaker"}, Fridge: {"fridge", "fridge", "refrigerator"}, Bread: {"bread", "loaf of bread", "bread"},
		Cheese: {"cheese", "piece of cheese"},
	}[t.kind]
	noun := string(t.kind)
	if words != nil {
		noun = words[r.IntN(len(words))]
	}
	if !colored || len(colorsOf(t.kind)) == 1 && r.IntN(4) > 0 {
		return "the " + noun
	}
	return "the " + string(t.color) + " " + noun
}

// to is where a thing is moved, as the picture shows it.
func (p *plan) to(e *event) string {
	switch dx := e.to.x - p.things[e.thing].at.x; {
	case dx < -40:
		return "left"
	case dx > 40:
		return "right"
	}
	return ""
}
