package encode_test

import (
	"context"
	"fmt"

	"tall"
	"tall/encode"
)

func ExampleOpen() {
	source, err := encode.Open("hash:512", encode.Options{})
	if err != nil {
		panic(err)
	}
	defer source.Close()
	examples := []tall.Example{
		{ID: "1", Video: "v", Sentence: tall.Sentence{Text: "She cuts the carrots."}},
		{ID: "2", Video: "v", Sentence: tall.Sentence{Text: "cutting a carrot"}},
		{ID: "3", Video: "v", Sentence: tall.Sentence{Text: "He opens a fridge."}},
	}
	if err := source.Fill(context.Background(), examples, nil); err != nil {
		panic(err)
	}
	like := func(a, b int) (sum float32) {
		for i, x := range examples[a].Sentence.Vector {
			sum += x * examples[b].Sentence.Vector[i]
		}
		return sum
	}
	fmt.Println(source.Manifest().Encoder, source.Manifest().Dim)
	fmt.Println(like(0, 1) > like(0, 2))
	// Output:
	// hash of words and 3-5-grams 1 512
	// true
}
