package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall"
)

// sample is what testdata/expected.py describes.
func sample(num, den int) List {
	at := func(start, end float64, sentence string, score, confidence float64) Moment {
		return Moment{Span: tall.Span{Start: start, End: end}, Sentence: sentence, Rank: 1, Score: score, Confidence: confidence}
	}
	return List{
		Videos: []Video{{Path: `/media/My "Clip" & <1>.mp4`, Duration: 10800, FPSNum: num, FPSDen: den, Width: 1280, Height: 720, Audio: true}},
		Moments: []Moment{
			at(1, 5.5, "the person cracks the egg", 0.1742, 0.998),
			at(59.95, 60.15, "across the first minute", 0.17, 0.97),
			at(599.9, 601, "a \"quoted\" <b>bold</b> & --> {text}\nin two lines", 0.16, 0.961),
			at(7199.5, 7205.25, "two hours in", -0.5, 0.95),
		},
	}
}

func write(tb testing.TB, format string, l List) string {
	tb.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, l); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func TestWrite_Expected(t *testing.T) {
	check := func(name, got string) {
		t.Helper()
		want, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-expected +got):\n%s", name, diff)
		}
	}
	for name, r := range map[string][2]int{
		"23976": {24000, 1001}, "24": {24, 1}, "25": {25, 1}, "2997df": {30000, 1001}, "30": {60, 2}, "50": {50, 1}, "5994df": {60000, 1001},
	} {
		check(name+".edl", write(t, EDL, sample(r[0], r[1])))
		check(name+".fcpxml", write(t, FCPXML, sample(r[0], r[1])))
	}
	check("moments.srt", write(t, SRT, sample(0, 0)))
	check("moments.vtt", write(t, VTT, sample(0, 0)))
	check("moments.csv", write(t, CSV, sample(25, 1)))
}

// Labels counted one by one over three hours, against the formula.
func TestTimecode_Counting(t *testing.T) {
	for _, r := range []rate{{24000, 1001}, {24, 1}, {25, 1}, {30000, 1001}, {30, 1}, {50, 1}, {60000, 1001}, {15000, 1001}, {120, 1}} {
		h, m, s, f := 0, 0, 0, 0
		for frame := range 3 * 3600 * r.base() {
			if r.drop() > 0 && s == 0 && m%10 != 0 && f == 0 {
				f = r.drop()
			}
			format := "%02d:%02d:%02d:%02d"
			if r.drop() > 0 {
				format = "%02d:%02d:%02d;%02d"
			} else if r.base() > 100 {
				format = "%02d:%02d:%02d:%03d"
			}
			if frame%37 == 0 || s == 0 || s == 59 {
				if got, want := r.timecode(frame), fmt.Sprintf(format, h, m, s, f); got != want {
					t.Fatalf("%v: frame %d is %s, want %s", r, frame, got, want)
				}
			}
			if f++; f == r.base() {
				f, s = 0, s+1
			}
			if s == 60 {
				s, m = 0, m+1
			}
			if m == 60 {
				m, h = 0, h+1
			}
		}
	}
	// Values that SMPTE ST 12-1 and every editor's manual give.
	for frame, want := range map[int]string{1799: "00:00:59;29", 1800: "00:01:00;02", 17981: "00:09:59;29", 17982: "00:10:00;00", 107892: "01:00:00;00", 2589408: "24:00:00;00"} {
		if got := (rate{30000, 1001}).timecode(frame); got != want {
			t.Errorf("frame %d is %s, want %s", frame, got, want)
		}
	}
}

// Drop-frame timecode follows the clock: within two labels at 29.97, four at 59.94.
func TestTimecode_FollowsClock(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rapid.SampledFrom([]rate{{30000, 1001}, {60000, 1001}}).Draw(rt, "rate")
		seconds := rapid.Float64Range(0, 24*3600).Draw(rt, "seconds")
		var h, m, s, f int
		if _, err := fmt.Sscanf(r.timecode(r.frame(seconds)), "%d:%d:%d;%d", &h, &m, &s, &f); err != nil {
			rt.Fatal(err)
		}
		label := float64(3600*h+60*m+s) + float64(f)/float64(r.base())
		// The labels skipped, half a frame of rounding, and the 86 ms a day that 1001/1000
		// leaves over.
		if limit := (float64(r.drop())+0.5)/float64(r.base()) + 0.0864; math.Abs(label-seconds) > limit {
			rt.Fatalf("%v s is labeled %v", seconds, label)
		}
		if f >= r.base() || m > 59 || s > 59 || s == 0 && m%10 != 0 && f < r.drop() {
			rt.Fatalf("no such label: %02d:%02d:%02d;%02d", h, m, s, f)
		}
	})
}

func TestWrite_Bounds(t *testing.T) {
	l := List{Videos: []Video{{Path: "/v.mp4", Duration: 10, FPSNum: 25, FPSDen: 1}}}
	moment := func(start, end float64) List {
		out := l
		out.Moments = []Moment{{Span: tall.Span{Start: start, End: end}, Sentence: "x"}}
		return out
	}
	for _, c := range []struct {
		span tall.Span
		want string
	}{
		{tall.Span{Start: -3, End: 4}, "00:00:00:00 00:00:04:00"},
		{tall.Span{Start: 9, End: 99}, "00:00:09:00 00:00:10:00"},
		{tall.Span{Start: 5, End: 5.001}, "00:00:05:00 00:00:05:01"},  // a frame at least
		{tall.Span{Start: 9.999, End: 10}, "00:00:09:24 00:00:10:00"}, // also at the end
	} {
		if got := write(t, EDL, moment(c.span.Start, c.span.End)); !strings.Contains(got, c.want) {
			t.Errorf("%v: want %s in\n%s", c.span, c.want, got)
		}
	}
	for _, s := range []tall.Span{{Start: 4, End: 4}, {Start: 5, End: 4}, {Start: 11, End: 12}, {Start: -2, End: -1}, {Start: math.NaN(), End: 1}, {Start: 0, End: math.Inf(1)}} {
		for _, format := range Formats() {
			bad := moment(s.Start, s.End)
			if math.IsInf(s.End, 1) {
				bad.Videos = []Video{{Path: "/v.mp4", FPSNum: 25, FPSDen: 1}} // no duration bounds it
			}
			if err := Write(&bytes.Buffer{}, format, bad); !errors.Is(err, tall.ErrFormat) {
				t.Errorf("%s of %v: %v", format, s, err)
			}
		}
	}
}

// Many files say 29.97 where they mean 30000/1001, as ffmpeg -r 29.97 writes them.
func TestWrite_RoundedRates(t *testing.T) {
	for _, c := range []struct{ num, den, like int }{{2997, 100, 30000}, {2997, 125, 24000}, {2997, 50, 60000}, {1000000, 33367, 30000}, {19001, 634, 30000}} {
		short := func(num, den int) List {
			l := sample(num, den)
			l.Videos[0].Duration, l.Moments = 90, l.Moments[:2]
			return l
		}
		for _, format := range []string{EDL, FCPXML} {
			if diff := cmp.Diff(write(t, format, short(c.like, 1001)), write(t, format, short(c.num, c.den))); diff != "" {
				t.Errorf("%s at %d/%d (-at %d/1001 +got):\n%s", format, c.num, c.den, c.like, diff)
			}
		}
	}
	// But frames are counted as the file has them: a day later they are two apart.
	l := List{Videos: []Video{{Path: "/v.mp4", FPSNum: 2997, FPSDen: 100}}, Moments: []Moment{{Span: tall.Span{Start: 100000.0 / 29.97, End: 2400000 / 29.97}}}}
	if got := write(t, JSON, l); !strings.Contains(got, `"start_frame": 100000`) || !strings.Contains(got, `"end_frame": 2400000`) {
		t.Error(got)
	}
	for _, r := range []rate{{30, 1}, {24, 1}, {2998, 100}, {12, 1}} {
		if r.known() != r {
			t.Errorf("%v becomes %v", r, r.known())
		}
	}
}

func TestWrite_Refuses(t *testing.T) {
	span := tall.Span{Start: 1, End: 2}
	two := List{
		Videos:  []Video{{Path: "/a.mp4", FPSNum: 25, FPSDen: 1}, {Path: "/b.mp4", FPSNum: 30, FPSDen: 1}},
		Moments: []Moment{{Video: 0, Span: span}, {Video: 1, Span: span}},
	}
	one := func(v Video) List { return List{Videos: []Video{v}, Moments: []Moment{{Span: span}}} }
	many := one(Video{Path: "/a.mp4", FPSNum: 25, FPSDen: 1})
	for len(many.Moments) < 1000 {
		many.Moments = append(many.Moments, many.Moments[0])
	}
	for name, c := range map[string]struct {
		format string
		list   List
		says   string
	}{
		"format":        {"avi", two, "edl, csv, srt, vtt, fcpxml, json"},
		"index":         {CSV, List{Moments: []Moment{{Span: span}}}, "video 0 of 0"},
		"two rates":     {EDL, two, "a.mp4 has 25/1, b.mp4 30/1"},
		"two subtitles": {SRT, two, "on its own"},
		"two tracks":    {VTT, two, "on its own"},
		"no rate":       {EDL, one(Video{Path: "/a.mp4"}), "0/0"},
		"no rate, xml":  {FCPXML, one(Video{Path: "/a.mp4", FPSNum: 1, FPSDen: 0}), "1/0"},
		"rate":          {EDL, one(Video{Path: "/a.mp4", FPSNum: 240, FPSDen: 1}), "two digits"},
		"slow":          {EDL, one(Video{Path: "/a.mp4", FPSNum: 1, FPSDen: 4}), "1/4"},
		"slow, xml":     {FCPXML, one(Video{Path: "/a.mp4", FPSNum: 1, FPSDen: 4}), "1/4"},
		"long":          {EDL, List{Videos: two.Videos[:1], Moments: []Moment{{Span: tall.Span{Start: 86399, End: 86401}}}}, "24 hours"},
		"long edit":     {EDL, List{Videos: two.Videos[:1], Moments: []Moment{{Span: tall.Span{Start: 0, End: 83000}}}}, "24 hours"},
		"relative":      {FCPXML, one(Video{Path: "a.mp4", FPSNum: 25, FPSDen: 1}), "whole path"},
		"many":          {EDL, many, "to 999"},
	} {
		if err := Write(&bytes.Buffer{}, c.format, c.list); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	for _, format := range []string{CSV, JSON} { // tables leave out what cannot be counted
		if got := write(t, format, one(Video{Path: "/a.mp4", FPSNum: 1, FPSDen: 4})); strings.Contains(got, "00:00:0") {
			t.Error(got)
		}
	}
	for _, format := range Formats() { // nothing found is a result
		write(t, format, List{Videos: two.Videos})
	}
	if got := write(t, FCPXML, two); strings.Count(got, "<project ") != 2 || strings.Count(got, "<asset ") != 2 {
		t.Errorf("two videos have two projects:\n%s", got)
	}
}

// Names and sentences of any kind neither break the structure nor lose what a format can
// hold.
func TestWrite_HostileText(t *testing.T) {
	hostile := rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{"\n\n5\n00:00:00,000 --> 00:00:01,000\nforged", "002  AX V C 00:00:00:00\r\n", "]]><evil/>", "-->", "=cmd|' /C calc'!A0", "\"; DROP", "a\x00b\x1b[31m", "\xff\xfe", "\u2028x", "&amp;", "<script>"}),
	)
	rapid.Check(t, func(rt *rapid.T) {
		name, text := hostile.Draw(rt, "name"), hostile.Draw(rt, "text")
		l := List{
			Title:   text,
			Videos:  []Video{{Path: "/dir/" + name, Duration: 60, FPSNum: 25, FPSDen: 1}},
			Moments: []Moment{{Span: tall.Span{Start: 1, End: 2}, Sentence: text}, {Span: tall.Span{Start: 3, End: 4}, Sentence: text}},
		}
		out := map[string]string{}
		for _, format := range Formats() {
			var b bytes.Buffer
			if err := Write(&b, format, l); err != nil {
				rt.Fatal(err)
			}
			out[format] = b.String()
		}
		events := 0
		for i, row := range strings.Split(strings.TrimSuffix(out[EDL], "\n"), "\n") {
			switch {
			case i < 2 || row == "" || strings.HasPrefix(row, "* FROM CLIP NAME: ") || strings.HasPrefix(row, "* COMMENT: "):
			case strings.HasPrefix(row, fmt.Sprintf("%03d  AX       V     C        ", events+1)):
				events++
			default:
				rt.Fatalf("EDL: %q", row)
			}
		}
		if events != 2 {
			rt.Fatalf("%d events", events)
		}
		if n := strings.Count(out[SRT], " --> "); n != 2 {
			rt.Fatalf("SRT with %d cues:\n%s", n, out[SRT])
		}
		if n := strings.Count(out[SRT], "\n\n"); n != 2 {
			rt.Fatalf("SRT with %d blocks", n)
		}
		if n := strings.Count(out[VTT], "-->"); n != 2 || strings.Count(out[VTT], "\n\n") != 2 {
			rt.Fatalf("WebVTT with %d cues:\n%s", n, out[VTT])
		}
		rows, err := csv.NewReader(strings.NewReader(out[CSV])).ReadAll()
		if err != nil || len(rows) != 3 {
			rt.Fatalf("CSV: %v, %d rows", err, len(rows))
		}
		// Go's reader, as RFC 4180 asks, makes \r\n in a field \n.
		if got, want := strings.TrimPrefix(rows[1][1], "'"), strings.ReplaceAll(strings.TrimPrefix(text, "'"), "\r\n", "\n"); got != want {
			rt.Fatalf("CSV holds %q of %q", got, want)
		}
		if rows[1][1] != "" && strings.ContainsRune("=+-@", rune(rows[1][1][0])) {
			rt.Fatalf("CSV cell %q is a formula", rows[1][1])
		}
		var list jsonList
		if err := json.Unmarshal([]byte(out[JSON]), &list); err != nil || len(list.Moments) != 2 || list.Moments[0].Sentence != strings.ToValidUTF8(text, "\uFFFD") && !strings.Contains(text, "\xff") {
			rt.Fatalf("JSON: %v %+v", err, list)
		}
		if err := checkFCPXML([]byte(out[FCPXML])); err != nil {
			rt.Fatalf("FCPXML: %v\n%s", err, out[FCPXML])
		}
	})
}

func TestFileURL(t *testing.T) {
	for path, want := range map[string]string{
		"/a b/c#1?.mp4": "file:///a%20b/c%231%3F.mp4", "/ü.mp4": "file:///%C3%BC.mp4", "C:/x y.mp4": "file:///C:/x%20y.mp4",
	} {
		if got, err := fileURL(path); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", path, got, err, want)
		}
	}
}

func TestWrite_JSON(t *testing.T) {
	var got jsonList
	l := sample(30000, 1001)
	l.Moments[1].Score = math.Inf(-1)
	if err := json.Unmarshal([]byte(write(t, JSON, l)), &got); err != nil {
		t.Fatal(err)
	}
	m := got.Moments[0]
	if m.Start != 1 || m.End != 5.5 || *m.StartFrame != 30 || *m.EndFrame != 165 || m.EndTimecode != "00:00:05;15" || *m.Confidence != 0.998 || got.Moments[1].Score != nil {
		t.Errorf("%+v", got.Moments[:2])
	}
	if diff := cmp.Diff(jsonVideo(l.Videos[0]), got.Videos[0]); diff != "" {
		t.Error(diff)
	}
}
