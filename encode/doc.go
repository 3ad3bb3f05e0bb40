// Package encode turns sentences into vectors.
//
// Two encoders need no neural network: [Hash], a hashed bag of words and character
// n-grams, which needs no weights either, and [Glove], the mean of word vectors of a
// file. Vectors that another program made are read from files ([Vectors]). [Open] opens
// any of them by the text that a command line gives, and [Source.Fill] sets the vectors
// of examples.
//
// Every vector carries a [tall.Manifest], so that a model refuses sentences that were
// encoded otherwise than those it was trained on.
//
// Letters: E values in a sentence vector, L tokens.
package encode
