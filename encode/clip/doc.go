// Package clip encodes pictures, the frames of videos and sentences into one space with
// CLIP (Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
// Supervision"): the dot product of a picture's vector and a sentence's is their likeness.
//
// [Open] reads a model's folder in the layout of Hugging Face's CLIPModel: ViT-B/32,
// B/16, L/14, TinyCLIP and any other of that architecture. A [Model] reads the weights of
// a tower when it is first asked for what that tower makes, so that a sentence does not
// wait for the image tower.
//
//	config.json                what both towers are made of ([ParseConfig])
//	model.safetensors          or several files and model.safetensors.index.json
//	tokenizer.json             or vocab.json and merges.txt ([OpenTokenizer])
//	preprocessor_config.json   resizing and normalization ([ParsePreparation]); may be missing,
//	                           or a part of processor_config.json
//
// The three steps agree with the original, each shown by recorded values: token ids
// with the fast tokenizer, id for id; prepared pictures with PIL, bit for bit before the
// normalization; and the vectors of both towers to some 1e-6 of their length.
//
// Results have the same bits for any number of threads, in any batch.
package clip
