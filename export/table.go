package export

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
)

// writeCSV writes a row for each moment. Spreadsheets run cells that begin like a
// formula, so such texts get an apostrophe before them, as spreadsheets have it.
func writeCSV(w io.Writer, l List) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"video", "sentence", "rank", "start", "end", "start_timecode", "end_timecode", "score", "confidence"}}
	for _, m := range l.Moments {
		v := l.Videos[m.Video]
		row := []string{cell(v.Path), cell(m.Sentence), strconv.Itoa(m.Rank), decimal(m.Start, 3), decimal(m.End, 3), "", "", decimal(m.Score, 6), decimal(m.Confidence, 6)}
		if r, err := v.rate(""); err == nil {
			from, to := v.frames(m)
			row[5], row[6] = r.timecode(from), r.timecode(to)
		}
		rows = append(rows, row)
	}
	return c.WriteAll(rows)
}

func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}

// decimal writes a number without an exponent; one that is not finite as nothing.
func decimal(v float64, digits int) string {
	if v-v != 0 {
		return ""
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

type jsonList struct {
	Title   string       `json:"title"`
	Videos  []jsonVideo  `json:"videos"`
	Moments []jsonMoment `json:"moments"`
}

type jsonVideo struct {
	Path     string  `json:"path"`
	Duration float64 `json:"duration,omitempty"`
	FPSNum   int     `json:"fps_num,omitempty"`
	FPSDen   int     `json:"fps_den,omitempty"`
	Width    int     `json:"width,omitempty"`
	Height   int     `json:"height,omitempty"`
	Audio    bool    `json:"audio"`
}

type jsonMoment struct {
	Video         string   `json:"video"`
	Sentence      string   `json:"sentence"`
	Rank          int      `json:"rank,omitempty"`
	Start         float64  `json:"start"`
	End           float64  `json:"end"`
	StartFrame    *int     `json:"start_frame,omitempty"`
	EndFrame      *int     `json:"end_frame,omitempty"` // the one behind the last
	StartTimecode string   `json:"start_timecode,omitempty"`
	EndTimecode   string   `json:"end_timecode,omitempty"`
	Score         *float64 `json:"score"` // null: not finite
	Confidence    *float64 `json:"confidence"`
}

func writeJSON(w io.Writer, l List) error {
	out := jsonList{Title: l.Title, Videos: []jsonVideo{}, Moments: []jsonMoment{}}
	for _, v := range l.Videos {
		out.Videos = append(out.Videos, jsonVideo(v))
	}
	for _, m := range l.Moments {
		v := l.Videos[m.Video]
		j := jsonMoment{Video: v.Path, Sentence: m.Sentence, Rank: m.Rank, Start: round3(m.Start), End: round3(m.End), Score: finite(m.Score), Confidence: finite(m.Confidence)}
		if r, err := v.rate(""); err == nil {
			from, to := v.frames(m)
			j.StartFrame, j.EndFrame = &from, &to
			j.StartTimecode, j.EndTimecode = r.timecode(from), r.timecode(to)
		}
		out.Moments = append(out.Moments, j)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

func round3(v float64) float64 { return math.Round(v*1000) / 1000 }

func finite(v float64) *float64 {
	if v-v != 0 {
		return nil
	}
	return &v
}
