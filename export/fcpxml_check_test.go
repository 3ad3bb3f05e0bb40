package export

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// element is a part of the content model of Apple's FCPXML DTD, version 1.9: the
// attributes that must and may be there, and the children in their order, of which those
// with a star may be repeated and those with a question mark left out.
type element struct{ required, optional, children []string }

var dtd = map[string]element{
	"fcpxml":       {required: list("version"), children: list("resources?", "library")},
	"resources":    {children: list("format*", "asset*")},
	"format":       {required: list("id"), optional: list("name frameDuration width height")},
	"asset":        {required: list("id", "start", "duration"), optional: list("name hasVideo format hasAudio audioSources audioChannels videoSources uid audioRate"), children: list("media-rep")},
	"media-rep":    {required: list("src"), optional: list("kind sig suggestedFilename")},
	"library":      {optional: list("location"), children: list("event*")},
	"event":        {optional: list("name uid"), children: list("project*")},
	"project":      {optional: list("name uid id modDate"), children: list("sequence")},
	"sequence":     {required: list("format"), optional: list("duration tcStart tcFormat"), children: list("note?", "spine")},
	"spine":        {optional: list("lane offset name format"), children: list("asset-clip*")},
	"asset-clip":   {required: list("ref"), optional: list("name offset start duration format tcFormat lane"), children: list("note?")},
	"note":         {},
	"conform-rate": {},
}

func list(names ...string) []string { return strings.Fields(strings.Join(names, " ")) }

type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []node     `xml:",any"`
}

func (n node) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// checkFCPXML reads a document with encoding/xml and checks structure, references,
// and that all times lie on frame boundaries and within their file.
func checkFCPXML(text []byte) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	var root node
	if err := d.Decode(&root); err != nil {
		return err
	}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if text, ok := token.(xml.CharData); err != nil || !ok || len(bytes.TrimSpace(text)) > 0 {
			return errors.Join(fmt.Errorf("%v behind the root", token), err)
		}
	}
	if root.XMLName.Local != "fcpxml" || root.attr("version") != "1.9" {
		return fmt.Errorf("root %v", root.XMLName)
	}
	if err := root.check(); err != nil {
		return err
	}
	formats, assets := map[string]node{}, map[string]node{}
	for _, r := range root.Children[0].Children {
		if id := r.attr("id"); formats[id].Attrs != nil || assets[id].Attrs != nil {
			return fmt.Errorf("two resources %s", id)
		}
		if r.XMLName.Local == "format" {
			formats[r.attr("id")] = r
			continue
		}
		assets[r.attr("id")] = r
		if u, err := url.Parse(r.Children[0].attr("src")); err != nil || u.Scheme != "file" || u.Host != "" || !strings.HasPrefix(u.Path, "/") {
			return errors.Join(fmt.Errorf("asset at %v", u), err)
		}
	}
	for _, project := range root.Children[1].Children[0].Children {
		if err := checkSequence(project.Children[0], formats, assets); err != nil {
			return fmt.Errorf("project %s: %w", project.attr("name"), err)
		}
	}
	return nil
}

func checkSequence(s node, formats, assets map[string]node) error {
	format, ok := formats[s.attr("format")]
	if !ok {
		return fmt.Errorf("no format %s", s.attr("format"))
	}
	frameNum, frameDen, err := fraction(format.attr("frameDuration"))
	if err != nil {
		return err
	}
	frame := func(n node, name string) (int, error) {
		num, den, err := fraction(n.attr(name))
		if err != nil {
			return 0, err
		}
		if num*frameDen%(den*frameNum) != 0 {
			return 0, fmt.Errorf("%s %s is between two frames of %s", name, n.attr(name), format.attr("frameDuration"))
		}
		return num * frameDen / (den * frameNum), nil
	}
	end := 0
	for _, clip := range s.Children[len(s.Children)-1].Children {
		asset, ok := assets[clip.attr("ref")]
		if !ok || asset.attr("format") != s.attr("format") {
			return fmt.Errorf("clip of asset %q", clip.attr("ref"))
		}
		var at [4]int
		for i, what := range []struct {
			n    node
			name string
		}{{clip, "offset"}, {clip, "start"}, {clip, "duration"}, {asset, "duration"}} {
			if at[i], err = frame(what.n, what.name); err != nil {
				return err
			}
		}
		if at[0] != end || at[1] < 0 || at[2] < 1 || at[1]+at[2] > at[3] {
			return fmt.Errorf("clip at %d of %d frames from %d of %d, expected at %d", at[0], at[2], at[1], at[3], end)
		}
		end += at[2]
	}
	if n, err := frame(s, "duration"); err != nil || n != end {
		return fmt.Errorf("the sequence has %d frames, its clips %d: %w", n, end, err)
	}
	return nil
}

func fraction(text string) (num, den int, err error) {
	text, ok := strings.CutSuffix(text, "s")
	if !ok {
		return 0, 0, fmt.Errorf("time %q", text)
	}
	a, b, isFraction := strings.Cut(text, "/")
	if num, err = strconv.Atoi(a); err != nil {
		return 0, 0, err
	}
	if !isFraction {
		return num, 1, nil
	}
	den, err = strconv.Atoi(b)
	return num, den, err
}

func (n node) check() error {
	name := n.XMLName.Local
	e, ok := dtd[name]
	if !ok {
		return fmt.Errorf("unknown element %s", name)
	}
	for _, a := range n.Attrs {
		if !slices.Contains(e.required, a.Name.Local) && !slices.Contains(e.optional, a.Name.Local) {
			return fmt.Errorf("%s has no attribute %s", name, a.Name.Local)
		}
	}
	for _, a := range e.required {
		if n.attr(a) == "" {
			return fmt.Errorf("%s needs %s", name, a)
		}
	}
	rest := n.Children
	for _, c := range e.children {
		want := strings.TrimRight(c, "*?")
		count := 0
		for len(rest) > 0 && rest[0].XMLName.Local == want {
			if err := rest[0].check(); err != nil {
				return err
			}
			rest = rest[1:]
			count++
		}
		if count == 0 && c == want || count > 1 && !strings.HasSuffix(c, "*") {
			return fmt.Errorf("%s has %d %s", name, count, want)
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("%s in the wrong place in %s", rest[0].XMLName.Local, name)
	}
	return nil
}

func TestFCPXML_Structure(t *testing.T) {
	for _, r := range [][2]int{{24000, 1001}, {24, 1}, {25, 1}, {30000, 1001}, {30, 1}, {50, 1}, {60000, 1001}, {15000, 1001}} {
		text := write(t, FCPXML, sample(r[0], r[1]))
		if err := checkFCPXML([]byte(text)); err != nil {
			t.Errorf("%v: %v\n%s", r, err, text)
		}
	}
	text, err := os.ReadFile("testdata/2997df.fcpxml")
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{ // the checker is not asleep
		`start="30030/30000s"`: `start="1s"`, `ref="r2"`: `ref="r9"`, `<spine>`: `<spine><note/>`, `src="file:`: `src="http:`, `offset="0s"`: `offset="2002/30000s"`,
	} {
		if changed := strings.Replace(string(text), from, to, 1); changed == string(text) || checkFCPXML([]byte(changed)) == nil {
			t.Errorf("%s for %s is not noticed", to, from)
		}
	}
}
