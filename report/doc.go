// Package report shows results to people: tables, a line plot as SVG, and a
// time line drawn in the terminal.
//
// Everything has two looks. On a terminal tables have borders and color;
// elsewhere, or with NO_COLOR set, they are plain aligned text that grep and
// diff can work on. Where the locale is not UTF-8, drawings use ASCII. [StyleOf]
// makes the choice.
package report
