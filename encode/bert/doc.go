// Package bert encodes sentences with BERT-family sentence encoders, such as
// all-MiniLM-L6-v2 and its kin, from the folders that Hugging Face's sentence-transformers
// write: config.json, model.safetensors, vocab.txt or tokenizer.json, and, where they are
// there, tokenizer_config.json, sentence_bert_config.json, modules.json and
// 1_Pooling/config.json.
//
// A sentence is cut into pieces of words ([Tokenizer]), up to the model's length; what
// goes beyond has no part in the vector. The encoder is BERT's (Devlin et al. 2019): the
// sum of the embeddings of piece, position and segment, layer normalization, and a
// post-norm transformer ([tall/nn.Transformer]). The vector is the mean of the pieces'
// outputs, or the first one, as the pooling configuration says, brought to length 1 where
// modules.json asks for it (Reimers and Gurevych 2019, "Sentence-BERT").
//
// The vector of a sentence has the same bits whatever it is encoded together with, and
// for any number of threads.
//
// Files come from strangers: sizes are checked before anything is allocated, and weights
// of another architecture are refused by the names and shapes of their tensors.
package bert
