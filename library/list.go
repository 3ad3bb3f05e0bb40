package library

import (
	"cmp"
	"context"
	"sort"
)

// Overview is what a library holds, in numbers.
type Overview struct {
	Videos   int
	Seconds  float64 // of all videos
	States   map[State]int
	Encoders []EncoderOverview // in the order of Options.Engines
}

// EncoderOverview is what one encoder made.
type EncoderOverview struct {
	Name       string
	Localizers []string // the default first
	Threshold  float64  // least confidence of a match, of the default
	Like       bool     // can search by example
	Videos     int      // ready
	Rows       int
}

// Overview counts.
func (l *Library) Overview(ctx context.Context) (Overview, error) {
	s, err := l.all(ctx)
	if err != nil {
		return Overview{}, err
	}
	o := Overview{Videos: len(s.videos), States: map[State]int{}}
	for i := range s.videos {
		o.Seconds += s.videos[i].Duration
		o.States[s.videos[i].State]++
	}
	o.Encoders = l.Describe()
	for i := range o.Encoders {
		e := &o.Encoders[i]
		for _, v := range s.ready(e.Name) {
			e.Videos++
			e.Rows += v.features.Rows
		}
	}
	return o, nil
}

// Version changes whenever a video does, by whatever process.
func (l *Library) Version(ctx context.Context) (int64, error) { return l.o.Catalog.Version(ctx) }

// Place is one in the order of videos: by first path, then by ID. The zero value is before
// all of them.
type Place struct {
	Path string
	ID   ID
}

// PlaceOf is where a video stands.
func PlaceOf(v Video) Place {
	p := Place{ID: v.ID}
	if len(v.Paths) > 0 {
		p.Path = v.Paths[0]
	}
	return p
}

func (p Place) compare(q Place) int {
	return cmp.Or(cmp.Compare(p.Path, q.Path), cmp.Compare(p.ID, q.ID))
}

// Page is a part of a list.
type Page struct {
	Videos []Video // shared with others: not to be written to
	Total  int     // of the whole list
	More   bool    // there are videos after the last of these
}

// List returns up to limit of the videos that the filter takes, in order, from behind a
// place on.
func (l *Library) List(ctx context.Context, f Filter, after Place, limit int) (Page, error) {
	s, err := l.all(ctx)
	if err != nil {
		return Page{}, err
	}
	// The catalog's order is that of places.
	from := sort.Search(len(s.videos), func(i int) bool { return PlaceOf(s.videos[i]).compare(after) > 0 })
	if after == (Place{}) {
		from = 0
	}
	p := Page{Videos: []Video{}}
	for i, v := range s.videos {
		if !f.Takes(v) {
			continue
		}
		p.Total++
		switch {
		case i < from:
		case len(p.Videos) < limit:
			p.Videos = append(p.Videos, v)
		default:
			p.More = true
		}
	}
	return p, nil
}

// Pending returns up to limit of the tasks that are not done, as their last event: what is
// being worked on, then what waits, then what was given up. Total counts all of them.
func (l *Library) Pending(ctx context.Context, limit int) (events []Event, total int, err error) {
	s, err := l.all(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, state := range []State{Working, Waiting, Failed} {
		for i := range s.videos {
			v := &s.videos[i]
			for _, f := range v.Features {
				if f.State != state {
					continue
				}
				if total++; len(events) < limit {
					e := Event{Video: v.ID, Path: PlaceOf(*v).Path, Encoder: f.Encoder, State: f.State, Total: v.Duration, Reason: f.Reason}
					events = append(events, e)
				}
			}
		}
	}
	return events, total, nil
}

// Describe tells of the encoders and their localizers alone, without counting.
func (l *Library) Describe() []EncoderOverview {
	out := make([]EncoderOverview, len(l.o.Engines))
	for i := range l.o.Engines {
		e := &l.o.Engines[i]
		out[i] = EncoderOverview{Name: e.Name, Like: e.Like != nil, Localizers: make([]string, len(e.Localizers))}
		for k := range e.Localizers {
			out[i].Localizers[k] = e.Localizers[k].Name
		}
		if len(e.Localizers) > 0 {
			out[i].Threshold = e.Localizers[0].Threshold
		}
	}
	return out
}
