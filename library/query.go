package library

import (
	"time"

	"tall"
)

// Query is what is searched for.
type Query struct {
	// Sentences are one, or several whose moments shall follow one another in a video.
	Sentences []string
	// Exclude are sentences that must not describe the moment better than the query does.
	Exclude []string
	// Like searches moments like this one, in place of sentences.
	Like *Like

	Encoder   string // name of the Engine; "": the library's first that has features
	Localizer string // name of the Engine's localizer; "": its first
	Filter    Filter
	Top       int     // moments returned; 0: DefaultTop
	Threshold float64 // least confidence; 0: the engine's; negative: everything
	// Brute runs the localizer over every video, without candidates.
	Brute bool
}

// Like is a moment, in seconds, of a video of the library or of another.
type Like struct {
	ID   ID
	Span tall.Span
	Rows *tall.Features // of a video that is not in the library
}

// Hit is a moment that was found.
type Hit struct {
	Video    ID
	Path     string
	Duration float64     // of the video, seconds
	Span     tall.Span   // seconds; of several sentences, the hull of Parts
	Parts    []tall.Span // one for each sentence, where there are several
	Score    float32     // of the localizer; comparable within one query
	// Confidence is 1 less the chance that an unrelated sentence finds a moment as good
	// anywhere in the videos that were searched (package calibrate); NaN: not calibrated.
	Confidence float64

	alarm float64 // chance that an unrelated sentence scores as high in this video
	z     float64 // see standing
}

// Stage says how final results are.
type Stage string

// The stages of an answer.
const (
	StageCandidates Stage = "candidates" // from the index alone
	StageRefined    Stage = "refined"    // by the exact localizer
)

// Results are the answer to a query, at one stage.
type Results struct {
	Stage   Stage
	Encoder string
	Hits    []Hit // best first
	// NoMatch: nothing reached the threshold; Hits then holds the best of what did not.
	NoMatch  bool
	Videos   int // searched
	Took     Took
	Warnings []string // such as videos that could not be read
}

// Took tells where the time of a query went.
type Took struct {
	Encode, Candidates, Refine time.Duration
}

// Curve is how well a query fits a whole video over time.
type Curve struct {
	Video ID
	Times []float64 // seconds, the middle of each of equally long parts of the video
	// Scores are the best of the windows that hold each part, for the sentence that fits
	// best where there are several; parts that no window holds have the least score.
	Scores []float32
	Hits   []Hit // all moments of the query in this video, best first
}

// DefaultTop is how many moments a query returns unless told otherwise.
const DefaultTop = 10
