package bert_test

import (
	"context"
	"fmt"
	"log"

	"tall/encode/bert"
)

func ExampleOpen() {
	encoder, err := bert.Open("testdata/tiny", bert.Options{}) // in earnest, the folder of fetch.ModelDir("all-minilm-l6-v2")
	if err != nil {
		log.Fatal(err)
	}
	sentences, err := encoder.EncodeSentences(context.Background(), []string{"the person cracks the egg", "THE PERSON CRACKS THE EGG"})
	if err != nil {
		log.Fatal(err)
	}
	same := 0.0
	for i, x := range sentences[0].Vector {
		same += float64(x * sentences[1].Vector[i])
	}
	fmt.Printf("%d values, cosine %.3f\n", encoder.Manifest().Dim, same)
	// Output:
	// 24 values, cosine 1.000
}

func ExampleTokenizer_Encode() {
	tokenizer, err := bert.OpenTokenizer("testdata/tiny")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokenizer.Encode("the egg", 256))
	// Output:
	// [2 109 113 3]
}
