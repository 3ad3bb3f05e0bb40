// Package report shows results to people: tables, a line plot as SVG, a time
// line drawn in the terminal, and a whole report as one HTML page ([Page]).
//
// What goes to a terminal has two looks. There tables have borders and color;
// elsewhere, or with NO_COLOR set, they are plain aligned text that grep and
// diff can work on. Where the locale is not UTF-8, drawings use ASCII. [StyleOf]
// makes the choice.
//
// The page needs no script, no network and no file beside it. Its drawings are
// SVG within it, in colors that follow the reader's choice of light or dark.
package report
