package eval

import (
	_ "embed"
	"strings"
	"sync"
)

// verbsText lists the plain forms of common English verbs of action, one a line.
//
//go:embed verbs.txt
var verbsText string

// auxiliaries are the verbs that carry the tense for another.
const auxiliaries = "am are be been being can could did do does had has have is may might must shall should was were will would"

// irregular are forms that no rule of spelling derives, with the plain form.
const irregular = "ate:eat eaten:eat awoke:awake awoken:awake began:begin begun:begin bent:bend blew:blow blown:blow bought:buy " +
	"broke:break broken:break brought:bring built:build burnt:burn came:come caught:catch chose:choose chosen:choose cut:cut " +
	"drank:drink drew:draw drawn:draw drove:drive driven:drive drunk:drink dug:dig fallen:fall fed:feed fell:fall felt:feel " +
	"fought:fight found:find flew:fly gave:give given:give goes:go gone:go got:get gotten:get grew:grow grown:grow heard:hear " +
	"held:hold hid:hide hidden:hide hung:hang kept:keep knelt:kneel knew:know laid:lay lain:lie led:lead left:leave lit:light " +
	"lost:lose lying:lie made:make met:meet paid:pay ran:run read:read ridden:ride risen:rise rode:ride rose:rise said:say " +
	"sang:sing sat:sit saw:see seen:see sewn:sew shaken:shake shone:shine shook:shake shot:shoot shown:show slept:sleep slid:slide " +
	"sold:sell spoke:speak spoken:speak spun:spin stood:stand struck:strike stuck:stick swam:swim swept:sweep swung:swing " +
	"taken:take taught:teach threw:throw thrown:throw tied:tie told:tell took:take tore:tear torn:tear tying:tie went:go " +
	"woke:wake woken:wake wore:wear worn:wear wound:wind written:write wrote:write"

// determiners come before nouns: after one of them "drink" is a thing.
const determiners = "a an the this that these those his her hers its their my your our one two another some any each every both no"

type lexicon struct {
	verbs, auxiliary, determiner map[string]bool
	irregular                    map[string]string
}

var words = sync.OnceValue(func() lexicon {
	set := func(text string) map[string]bool {
		out := map[string]bool{}
		for _, w := range strings.Fields(text) {
			out[w] = true
		}
		return out
	}
	l := lexicon{verbs: set(verbsText), auxiliary: set(auxiliaries), determiner: set(determiners), irregular: map[string]string{}}
	for _, pair := range strings.Fields(irregular) {
		form, plain, _ := strings.Cut(pair, ":")
		l.irregular[form] = plain
	}
	return l
})

// Verb finds the verb by which priors group sentences: the first word, from the
// left, that is an auxiliary or a form of a verb of the embedded list and does
// not follow a determiner ("the light"; an -ing form may). It is returned as
// written, in small letters, not reduced to its plain form: "is", "opens" and
// "opening" are told apart, since annotators' phrasing goes with how they cut.
// A sentence without any gives "".
func Verb(sentence string) string {
	l := words()
	before := ""
	for _, w := range strings.FieldsFunc(strings.ToLower(sentence), func(r rune) bool {
		return (r < 'a' || r > 'z') && r != '\'' && r < 0x80
	}) {
		w = strings.Trim(w, "'")
		switch {
		case strings.HasSuffix(w, "'re"):
			return "are"
		case l.auxiliary[w]:
			return w
		case l.isVerb(w) && (!l.determiner[before] || strings.HasSuffix(w, "ing")):
			return w
		}
		before = w
	}
	return ""
}

// isVerb tells whether w is a form of a listed verb.
func (l lexicon) isVerb(w string) bool {
	if l.verbs[w] || l.irregular[w] != "" {
		return true
	}
	for _, ending := range []string{"s", "es", "ed", "d", "ing"} {
		stem, ok := strings.CutSuffix(w, ending)
		if !ok || stem == "" {
			continue
		}
		if l.verbs[stem] {
			return true
		}
		n := len(stem)
		switch {
		case ending == "s":
		case ending == "ing" && l.verbs[stem+"e"], // taking
			strings.HasSuffix(stem, "i") && l.verbs[stem[:n-1]+"y"], // carries, carried
			n > 2 && stem[n-1] == stem[n-2] && l.verbs[stem[:n-1]]:  // putting, stopped
			return true
		}
	}
	return false
}
