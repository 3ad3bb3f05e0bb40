// Package skipthought encodes sentences with skip-thought vectors (Kiros et al. 2015,
// "Skip-Thought Vectors"), the sentence features of TALL: 4800 values, the last state of
// a recurrent network of 2400 units (uni-skip) and those of two of 1200 that read forward
// and backward (bi-skip). The two halves of 2400 are each brought to length 1.
//
// # Files
//
// A folder of the model holds the authors' files under their own names:
//
//	dictionary.txt              one word a line, in the order of the tables' rows
//	utable.npy, btable.npy      word vectors, (words, 620) float32, 2.3 GB each
//	uni_skip.npz, bi_skip.npz   the networks
//	uni_skip.npz.pkl, bi_skip.npz.pkl   their options; not needed, but checked if there
//
// They come from http://www.cs.toronto.edu/~rkiros/models/ (the page that explains them:
// https://github.com/ryankiros/skip-thoughts, Apache License 2.0). The tables are mapped
// into memory, and only the rows of words that occur are read. As published they are npy
// files of objects, a pickled array for each word, so that the first use scans them once
// for where the rows lie, and keeps that in utable.rows.npy and btable.rows.npy; plain
// tables of float32 need no such thing. Of the npz files only
// the encoders' arrays are read, encoder_W, b, U, Wx, Ux, bx and, in bi_skip,
// encoder_r_*; the decoders, which are most of them, are not.
//
// # Text
//
// As the authors' program does it: sentences are split, words are cut as the Penn
// Treebank has them (the rules of R. MacIntyre's tokenizer.sed, as NLTK's
// TreebankWordTokenizer has them), the case stays, a word that the dictionary does not
// have gets the row of UNK, and no end-of-sentence word is added. A text without words
// has a vector of zeros.
//
// NLTK splits sentences by a trained model (Punkt, Kiss and Strunk 2006). Here its rules
// stand without its training: a period ends a sentence unless the word is one of a list
// of common abbreviations, an initial, or a number before a small letter; what follows an
// abbreviation or an ellipsis begins a sentence where it is one of some common words with
// a capital. The split decides nothing but whether a period inside the text is a word of
// its own, so that descriptions of one sentence do not depend on it at all.
//
// # Identity
//
// The hash of the weights in the manifest is the SHA-256 of the encoders' arrays, the
// dictionary, the shapes of the tables and 64 rows of each, spread evenly: hashing all of
// 4.6 GB would take longer than answering.
package skipthought
