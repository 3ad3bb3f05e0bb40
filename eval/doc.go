// Package eval scores moments against the truth as the reference does, and
// reads and writes the files in which results travel.
//
// # Protocol
//
// For each sentence the moments of its video are ranked by score and suppressed
// ([tall.Suppress]) at a threshold that moves with the metric: R@n at IoU t is
// computed after suppression at t-0.05 (compute_IoU_recall_top_n_forreg in the
// reference; [Moving]). R@n, IoU=t counts a sentence when one of its first n
// kept moments overlaps the truth by t or more. That overlap is the signed one
// over the hull, [tall.HullIoU], whereas suppression measures over the true
// union, [tall.IoU], as the reference does. Nothing is clamped to the video.
// Totals are over sentences, not over videos.
//
// The choice of suppression changes the numbers, so every table states it, and
// [Fixed] gives the protocol of later work (one threshold for all metrics).
//
// That is one protocol of several: [Score] scores predictions of any origin
// ([ReadPredictionFile]) as the programs do by which results are published
// ([Protocols]; docs/scoring.md), with bootstrap intervals, and [Conformance]
// compares with published numbers.
//
// Beyond the reference: the mean IoU of each sentence's first moment (disjoint
// moments count 0); several truths of one sentence, of which the best counts;
// moments that are not finite, which are ranked last, hit nothing and are
// counted.
package eval
