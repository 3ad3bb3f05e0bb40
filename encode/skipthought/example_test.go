package skipthought_test

import (
	"fmt"

	"tall/encode/skipthought"
)

// Words as the model was trained on them.
func ExampleWords() {
	fmt.Printf("%q\n", skipthought.Words(`The person doesn't peel it. "It's done," he says.`))
	// Output:
	// ["The" "person" "does" "n't" "peel" "it" "." "``" "It" "'s" "done" "," "''" "he" "says" "."]
}
