// Package calibrate tells whether a sentence was found in a video at all.
//
// The score of a localizer's best moment says little by itself: it has another scale for
// every encoder and model, and even over one video some moment is always the best. So the
// same question is asked with a bank of unrelated sentences ([Bank]) over the same video.
// Their best scores show what chance reaches there, and the score of the sentence that
// counts is told as its confidence: 1 minus the chance that an unrelated sentence reaches
// it ([Null.Confidence]). This is comparable over sentences, videos, encoders and models,
// and a threshold on it is a false-alarm rate: [DefaultConfidence] lets one unrelated
// sentence in twenty through.
//
// What is compared is the [Evidence] for a moment: the score itself, or, for localizers
// whose scores say little across sentences (CTRL), how far it is above the sentence's mean
// over the video.
//
// The best of many windows is a maximum, so the bank's scores are taken to follow the
// extreme-value distribution of Gumbel,
//
//	P(best <= x) = exp(-exp(-(x - location) / scale)),
//
// which is fitted to their quartiles ([Fit]): a bank of 96 sentences always has some that
// do fit a video, and quartiles do not feel those. On real CLIP features with the class
// names of LVIS and Objects365 as sentences, 2 to 4 in 100 pass the threshold that promises at
// most 5: what sets sentences apart there is nearer to a normal distribution, whose tail
// is lighter, so the promise is kept with room.
package calibrate
