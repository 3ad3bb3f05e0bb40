package main

import (
	"encoding/json"
	"io"

	"tall/library"
)

type searchJSON struct {
	Encoder   string   `json:"encoder"`
	Sentences []string `json:"sentences,omitempty"`
	Exclude   []string `json:"exclude,omitempty"`
	Like      string   `json:"like,omitempty"`
	Match     bool     `json:"match"`
	Videos    int      `json:"videos"` // searched
	Took      tookJSON `json:"took_ms"`
	Warnings  []string `json:"warnings,omitempty"`
	// Moments match, best first; where there is none, Nearest are the best of the rest.
	Moments []searchHitJSON `json:"moments"`
	Nearest []searchHitJSON `json:"nearest,omitempty"`
}

type tookJSON struct {
	Encode     float64 `json:"encode"` // of the sentences
	Candidates float64 `json:"candidates"`
	Refine     float64 `json:"refine"`
}

type searchHitJSON struct {
	Rank       int              `json:"rank"`
	ID         library.ID       `json:"id"`
	Video      string           `json:"video"`
	Start      float64          `json:"start"`
	End        float64          `json:"end"`
	Parts      []searchPartJSON `json:"parts,omitempty"` // of several sentences
	Confidence *float64         `json:"confidence"`      // null: not measured
	Score      float32          `json:"score"`
	Clip       string           `json:"clip,omitempty"`
}

type searchPartJSON struct {
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

func (f *searchFlags) printJSON(w io.Writer, q library.Query, r library.Results, answer reply) error {
	out := searchJSON{
		Encoder: r.Encoder, Sentences: q.Sentences, Exclude: q.Exclude, Like: f.like, Match: !r.NoMatch, Videos: r.Videos, Warnings: r.Warnings,
		Took:    tookJSON{milliseconds(r.Took.Encode), milliseconds(r.Took.Candidates), milliseconds(r.Took.Refine)},
		Moments: []searchHitJSON{},
	}
	if r.NoMatch {
		out.Nearest = searchHits(r.Hits, nil)
	} else {
		out.Moments = searchHits(r.Hits, answer.hits)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
