package synth

import "strings"

// verb in the forms that the phrasings need.
type verb struct{ base, third, gerund string }

var verbs = [...]verb{
	{"cut", "cuts", "cutting"},
	{"peel", "peels", "peeling"},
	{"wash", "washes", "washing"},
	{"grate", "grates", "grating"},
	{"weigh", "weighs", "weighing"},
	{"dry", "dries", "drying"},
	{"season", "seasons", "seasoning"},
	{"fry", "fries", "frying"},
	{"move", "moves", "moving"},
	{"squeeze", "squeezes", "squeezing"},
	{"taste", "tastes", "tasting"},
	{"wrap", "wraps", "wrapping"},
	{"crush", "crushes", "crushing"},
	{"mash", "mashes", "mashing"},
	{"roll", "rolls", "rolling"},
	{"boil", "boils", "boiling"},
	{"smell", "smells", "smelling"},
	{"salt", "salts", "salting"},
	{"drop", "drops", "dropping"},
	{"hold", "holds", "holding"},
	{"halve", "halves", "halving"},
	{"scrub", "scrubs", "scrubbing"},
	{"toast", "toasts", "toasting"},
	{"store", "stores", "storing"},
}

var objects = [...]string{
	"cucumber", "carrot", "onion", "potato", "orange", "lemon", "mango", "leek",
	"pineapple", "bread", "ginger", "pepper", "tomato", "apple", "garlic", "plum",
	"avocado", "broccoli", "celery", "radish", "kiwi", "fig", "mushroom", "pear",
}

// phrasings are the ways to put an event into a sentence.
var phrasings = [...]string{
	"The person {third} the {object}.",
	"He {third} the {object}.",
	"She begins to {base} the {object}.",
	"We see someone {gerund} the {object}.",
	"The {object} is what the person {third} next.",
	"Now it is time to {base} the {object}.",
}

// phrase is the text of a sentence.
func phrase(phrasing int, p pair) string {
	v := verbs[p.verb]
	return strings.NewReplacer(
		"{base}", v.base, "{third}", v.third, "{gerund}", v.gerund, "{object}", objects[p.object],
	).Replace(phrasings[phrasing])
}
